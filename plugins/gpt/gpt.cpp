// SPDX-License-Identifier: BSD-3-Clause
// gpt: makes a bdev for each partition of a disk with a GUID partition table, named NAMEp1, NAMEp2 and so on.
#include <bdevkit/bdevkit.hpp>

#include <algorithm>
#include <cstring>
#include <span>

#include "table.hpp"
#include "table_reader.hpp"

namespace {

using bdevkit::Error, bdevkit::format, bdevkit::LogLevel;

/// The types of SPDK's gpt module. Examination makes bdevs only for partitions of these types.
constexpr bdk_uuid spdk_types[] = {
    {{0x65, 0x27, 0x99, 0x4e, 0x2c, 0x5a, 0x4e, 0xec, 0x96, 0x13, 0x8f, 0x59, 0x44, 0x07, 0x4e, 0x8b}},
    {{0x7c, 0x52, 0x22, 0xbd, 0x8f, 0x5d, 0x40, 0x87, 0x9c, 0x00, 0xbf, 0x98, 0x43, 0xc7, 0xb5, 0x8c}},
};

struct PartitionRange : bdevkit::PartRange {
    Partition partition;
    std::string alias;
};

class PartitionBdev : public bdevkit::PartBdev<PartitionBdev> {
public:
    static constexpr const char* product_name = "GPT partition";

    explicit PartitionBdev(const PartitionRange& range)
        : PartBdev(range), partition_(range.partition), alias_(range.alias) {
        if (!alias_.empty() && bdk_bdev_get_by_name(alias_.c_str()) == nullptr) bdev().aliases = aliases_;
        // A copy of the disk has the same GUIDs.
        if (bdk_bdev_get_by_name(text_of(partition_.guid).c_str()) == nullptr)
            bdev().uuid = partition_.guid;
        else
            log(LogLevel::warn, "gpt",
                format("'%s' gets another UUID: %s is already in use", name(),
                       text_of(partition_.guid).c_str()));
    }

    void dump_info(bdevkit::Json json) const {
        PartBdev::dump_info(json);
        json.value("partition_name", partition_.name);
        json.value("partition_type", text_of(partition_.type));
        json.value("partition_guid", text_of(partition_.guid));
    }

private:
    Partition partition_;
    std::string alias_;
    const char* aliases_[2] = {alias_.c_str(), nullptr};
};

class Gpt {
public:
    struct Options {
        bdevkit::BdevName base;
        bdevkit::List<bdk_uuid> types;
    };
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(base, "The disk with the table; claimed for the partitions.").required().claimed(),
        BDEVKIT_OPTION(types, "Type GUIDs of the partitions that become bdevs; by default all."),
    };

    static int create(bdk_create* create, const char* name, const Options& given) {
        const auto use = [create, name = std::string(name), base = std::string(given.base.name),
                          types =
                              std::vector(given.types.begin(), given.types.end())](const TableFound& found) {
            const auto done = [create](int rc) { bdk_module_create_done(create, rc); };
            if (found.rc != 0) {
                log(LogLevel::error, "gpt",
                    format("the GPT of '%s' cannot be used: %s", base.c_str(), found.problem.c_str()));
                return done(found.rc);
            }
            tell_damage(base, found);
            const std::vector<PartitionRange> parts = parts_of(name, base, found, types);
            if (!parts.empty()) return PartitionBdev::make_all(parts, done);
            log(LogLevel::error, "gpt", format("'%s' has no partition of the given types", base.c_str()));
            done(-ENOENT);
        };
        TableReader::start(given.base, TableReader::Look::anywhere, use);
        return BDK_PENDING;
    }

    /// Examines only disks, not bdevs on top of them, because a layer shows the same table again.
    static void examine_disk(bdevkit::Examination examination, bdk_bdev* bdev) {
        const bool is_layer = bdk_bdev_get_base(bdev, 0) != nullptr;
        if (is_layer || bdk_bdev_is_md_interleaved(bdev) || bdk_bdev_get_num_blocks(bdev) < least_blocks)
            return examination.finish();
        const auto use = [examination, base = std::string(bdk_bdev_get_name(bdev))](const TableFound& found) {
            // What cannot be made has been logged.
            const auto done = [examination](int) { examination.finish(); };
            if (found.other_block_size != 0)
                log(LogLevel::info, "gpt",
                    format("the GPT of '%s' is not used: %s", base.c_str(), found.problem.c_str()));
            if (found.rc != 0) return done(0);
            const std::vector<PartitionRange> parts = parts_of(base, base, found, spdk_types);
            if (!parts.empty()) tell_damage(base, found);
            PartitionBdev::make_all(parts, done);
        };
        TableReader::start(bdk_bdev_get_name(bdev), TableReader::Look::after_protective_mbr, use);
    }

private:
    static constexpr uint64_t least_blocks = 6;  ///< both headers, both tables, the MBR and a block to use

    static void tell_damage(const std::string& base, const TableFound& found) {
        if (!found.damage.empty())
            log(LogLevel::warn, "gpt",
                format("the backup GPT of '%s' is used; repair the primary one: %s", base.c_str(),
                       found.damage.c_str()));
        if (!found.backup.empty())
            log(LogLevel::warn, "gpt",
                format("the backup GPT of '%s' could not replace the primary one: %s", base.c_str(),
                       found.backup.c_str()));
    }

    /// @param types types of the partitions; empty for all
    static std::vector<PartitionRange> parts_of(const std::string& name, const std::string& base,
                                                const TableFound& found, std::span<const bdk_uuid> types) {
        const auto is_wanted = [&](const bdk_uuid& type) {
            return types.empty() || std::ranges::any_of(types, [&](const bdk_uuid& wanted) {
                       return std::memcmp(&wanted, &type, sizeof(type)) == 0;
                   });
        };
        const uint64_t key = PartitionBdev::new_claim_key();
        std::vector<PartitionRange> parts;
        for (const Partition& partition : found.partitions) {
            if (!is_wanted(partition.type)) continue;
            PartitionRange& part = parts.emplace_back();
            part.name = format("%sp%u", name.c_str(), partition.number);
            part.base = base;
            part.offset_blocks = partition.first_block;
            part.num_blocks = partition.last_block - partition.first_block + 1;
            part.claim_key = key;
            part.partition = partition;
            if (!partition.name.empty()) part.alias = name + "/" + partition.name;
        }
        return parts;
    }
};

}  // namespace

BDEVKIT_MODULE(Gpt, .name = "gpt", .version = "1.0.0",
               .description = "Makes a bdev of each partition of a GUID partition table", .author = "bdevkit",
               .license = "BSD-3-Clause", .flags = BDK_MODULE_NAMES_AFTER_BASE, .part_suffix = "p1");

// SPDX-License-Identifier: BSD-3-Clause
#include "table.hpp"

#include <endian.h>
#include <isa-l/crc.h>

#include <algorithm>
#include <bit>
#include <boost/locale/encoding_utf.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <cstring>

namespace {

using bdevkit::Error;
using bdevkit::format;

// The format on the disk: little-endian, without gaps between the fields.
struct RawHeader {
    char signature[8];
    uint32_t revision, size, crc, reserved;
    uint64_t my_block, alternate, first_usable, last_usable;
    uint8_t disk_guid[16];
    uint64_t entries_block;
    uint32_t entry_count, entry_size, entries_crc;
};
constexpr size_t header_bytes = 92;

struct RawEntry {
    uint8_t type[16], guid[16];
    uint64_t first, last, attributes;
    uint16_t name[36];
};
static_assert(offsetof(RawHeader, entries_crc) == header_bytes - 4 && sizeof(RawEntry) == 128);

// Usual tables have 128 entries of 128 bytes.
constexpr uint32_t most_entries = 1024;
constexpr uint32_t largest_entry = 4096;

using ull = unsigned long long;

void require(bool condition, const char* text) {
    if (!condition) throw Error(EINVAL, text);
}

template <class... Args>
void require(bool condition, const char* text, Args... args) {
    if (!condition) throw Error(EINVAL, format(text, args...));
}

uint32_t crc_of(const void* bytes, size_t length) {
    return crc32_gzip_refl(0, static_cast<const unsigned char*>(bytes), length);
}

/// The first three fields of a GUID are little-endian on the disk.
bdk_uuid uuid_of(const uint8_t (&guid)[16]) {
    constexpr uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    bdk_uuid uuid;
    for (size_t i = 0; i < 16; i++)
        uuid.bytes[i] = guid[order[i]];
    return uuid;
}

/// Characters that the name of a bdev must not contain: controls, line separators, marks that change the
/// direction of text.
bool is_control(char16_t c) {
    return c < u' ' || (c >= u'\x7f' && c <= u'\x9f') || (c >= u'\x2028' && c <= u'\x202e') ||
           (c >= u'\x2066' && c <= u'\x2069');
}

std::string name_of(const RawEntry& entry) {
    std::u16string units;
    for (uint16_t unit : entry.name) {
        if (unit == 0) break;
        const auto c = char16_t(le16toh(unit));
        units.push_back(is_control(c) ? u'_' : c);
    }
    return boost::locale::conv::utf_to_utf<char>(units);
}

void require_apart(std::vector<Partition> partitions) {
    std::sort(partitions.begin(), partitions.end(),
              [](const Partition& a, const Partition& b) { return a.first_block < b.first_block; });
    for (size_t i = 1; i < partitions.size(); i++)
        require(partitions[i - 1].last_block < partitions[i].first_block, "partitions %u and %u overlap",
                partitions[i - 1].number, partitions[i].number);
}

}  // namespace

Mbr read_mbr(std::span<const std::byte> block) {
    const auto byte = [&](size_t at) { return uint8_t(block[at]); };
    if (byte(510) != 0x55 || byte(511) != 0xaa) return Mbr::none;
    bool other = false;
    for (size_t entry = 446; entry < 510; entry += 16) {
        constexpr size_t type = 4;
        if (byte(entry + type) == 0xee) return Mbr::protective;
        other |= byte(entry + type) != 0;
    }
    return other ? Mbr::other : Mbr::none;
}

GptHeader read_gpt_header(std::span<const std::byte> block, uint64_t at, uint64_t num_blocks) {
    RawHeader raw{};
    std::memcpy(&raw, block.data(), header_bytes);
    require(std::memcmp(raw.signature, "EFI PART", 8) == 0, "there is none");
    const uint32_t size = le32toh(raw.size);
    require(size >= header_bytes && size <= block.size(), "its header cannot have %u bytes", size);
    std::vector<std::byte> copy(block.begin(), block.begin() + size);
    std::memset(copy.data() + offsetof(RawHeader, crc), 0, sizeof(raw.crc));
    require(crc_of(copy.data(), size) == le32toh(raw.crc), "the CRC of its header is wrong");
    require(le64toh(raw.my_block) == at, "its header says that it is at block %llu, not %llu",
            ull(le64toh(raw.my_block)), ull(at));

    const GptHeader header = {.alternate = le64toh(raw.alternate),
                              .first_usable = le64toh(raw.first_usable),
                              .last_usable = le64toh(raw.last_usable),
                              .entries_block = le64toh(raw.entries_block),
                              .entry_count = le32toh(raw.entry_count),
                              .entry_size = le32toh(raw.entry_size),
                              .entries_crc = le32toh(raw.entries_crc)};
    require(header.entry_count >= 1 && header.entry_count <= most_entries, "%u entries are not from 1 to %u",
            header.entry_count, most_entries);
    require(header.entry_size >= sizeof(RawEntry) && header.entry_size <= largest_entry &&
                std::has_single_bit(header.entry_size),
            "its entries cannot have %u bytes", header.entry_size);
    require(header.first_usable <= header.last_usable && header.last_usable < num_blocks,
            "blocks %llu to %llu for partitions are not within the %llu of the disk",
            ull(header.first_usable), ull(header.last_usable), ull(num_blocks));
    const uint64_t blocks = (header.entries_bytes() + block.size() - 1) / block.size();
    require(header.entries_block >= 2 && header.entries_block < num_blocks &&
                blocks <= num_blocks - header.entries_block &&
                (header.entries_block > header.last_usable ||
                 header.entries_block + blocks <= header.first_usable),
            "its entries cannot be at block %llu", ull(header.entries_block));
    return header;
}

bool describe_same_table(const GptHeader& a, const GptHeader& b) noexcept {
    return a.first_usable == b.first_usable && a.last_usable == b.last_usable &&
           a.entry_count == b.entry_count && a.entry_size == b.entry_size && a.entries_crc == b.entries_crc;
}

uint32_t block_size_of_table(std::span<const std::byte> start, uint64_t disk_bytes) {
    for (uint32_t size = least_block_size; size <= largest_block_size; size *= 2) {
        if (start.size() < size + least_block_size) break;
        try {
            const uint64_t length = std::min<uint64_t>(size, start.size() - size);
            read_gpt_header(start.subspan(size, length), 1, disk_bytes / size);
            return size;
        } catch (const Error&) {
            continue;  // missing, or not valid
        }
    }
    return 0;
}

std::vector<Partition> read_gpt_entries(std::span<const std::byte> entries, const GptHeader& header) {
    require(crc_of(entries.data(), header.entries_bytes()) == header.entries_crc,
            "the CRC of its entries is wrong");
    std::vector<Partition> partitions;
    for (uint32_t i = 0; i < header.entry_count; i++) {
        RawEntry raw;
        std::memcpy(&raw, entries.data() + size_t{i} * header.entry_size, sizeof(raw));
        const bdk_uuid type = uuid_of(raw.type);
        if (std::ranges::all_of(type.bytes, [](uint8_t byte) { return byte == 0; })) continue;
        const uint64_t first = le64toh(raw.first), last = le64toh(raw.last);
        require(first >= header.first_usable && first <= last && last <= header.last_usable,
                "partition %u, blocks %llu to %llu, is not within the blocks %llu to %llu", i + 1, ull(first),
                ull(last), ull(header.first_usable), ull(header.last_usable));
        partitions.push_back({i + 1, type, uuid_of(raw.guid), first, last, name_of(raw)});
    }
    require_apart(partitions);
    return partitions;
}

std::string text_of(const bdk_uuid& uuid) {
    boost::uuids::uuid value;
    std::memcpy(value.data, uuid.bytes, sizeof(uuid.bytes));
    return boost::uuids::to_string(value);
}

// SPDX-License-Identifier: BSD-3-Clause
// split: divides one bdev into several. PartBdev implements a part.
#include <bdevkit/bdevkit.hpp>

namespace {

using bdevkit::Error, bdevkit::format, bdevkit::PartRange;

class Split : public bdevkit::PartBdev<Split> {
public:
    struct Options {
        bdevkit::BdevName base;
        uint32_t count;
        bdevkit::List<bdevkit::Size> sizes;
    };
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(base, "The bdev to split; claimed for the parts.").required().claimed(),
        BDEVKIT_OPTION(count, "Number of parts of equal size.").max(4096).counts_parts(),
        BDEVKIT_OPTION(sizes, "Instead of count: the size of each part; 0 for the last one means the rest.")
            .counts_parts(),
    };
    static constexpr const char* product_name = "Split part";

    explicit Split(const PartRange& part) : PartBdev(part) {}

    static int create(bdk_create* create, const char* name, const Options& given) {
        make_all(parts_of(name, given), [create](int rc) { bdk_module_create_done(create, rc); });
        return BDK_PENDING;
    }

private:
    static std::vector<PartRange> parts_of(const char* name, const Options& given) {
        const bdk_bdev* base = bdk_bdev_get_by_name(given.base);
        if (base == nullptr) throw Error(ENODEV, format("no bdev '%s'", given.base.name));
        if ((given.count == 0) == (given.sizes.size() == 0))
            throw Error(EINVAL, "give either `count` or `sizes`");
        const std::vector<uint64_t> lengths =
            given.count != 0 ? equal_parts(base, given.count) : sized_parts(base, given.sizes);
        std::vector<PartRange> parts(lengths.size());
        const uint64_t key = new_claim_key();
        uint64_t offset = 0;
        for (size_t i = 0; i < parts.size(); i++) {
            parts[i] = {format("%sp%zu", name, i), given.base.name, offset, lengths[i], key};
            offset += lengths[i];
        }
        return parts;
    }

    /// Parts are aligned to the base's write units and zones; the remainder is not used.
    static std::vector<uint64_t> equal_parts(const bdk_bdev* base, uint32_t count) {
        const uint64_t unit = bdk_bdev_is_zoned(base) ? bdk_bdev_get_zone_size(base)
                                                      : std::max(1u, bdk_bdev_get_write_unit_size(base));
        const uint64_t blocks = bdk_bdev_get_num_blocks(base) / count / unit * unit;
        if (blocks == 0)
            throw Error(EINVAL, format("'%s' is too small for %u parts", bdk_bdev_get_name(base), count));
        return std::vector<uint64_t>(count, blocks);
    }

    static std::vector<uint64_t> sized_parts(const bdk_bdev* base,
                                             const bdevkit::List<bdevkit::Size>& sizes) {
        const uint64_t block_size = bdk_bdev_get_block_size(base);
        uint64_t left = bdk_bdev_get_num_blocks(base);
        std::vector<uint64_t> result;
        for (const uint64_t size : sizes) {
            const bool is_rest = size == 0 && result.size() == sizes.size() - 1;
            const uint64_t blocks = is_rest ? left : size / block_size;
            if (blocks == 0 || (!is_rest && size % block_size != 0))
                throw Error(EINVAL,
                            format("size %zu of `sizes` must be a multiple of the block size %u, not 0",
                                   result.size() + 1, unsigned(block_size)));
            if (blocks > left)
                throw Error(ENOSPC, format("size %zu of `sizes` exceeds the rest of '%s': %llu bytes",
                                           result.size() + 1, bdk_bdev_get_name(base),
                                           static_cast<unsigned long long>(left * block_size)));
            left -= blocks;
            result.push_back(blocks);
        }
        return result;
    }
};

}  // namespace

BDEVKIT_MODULE(Split, .name = "split", .version = "1.0.0", .description = "Divides one bdev into several",
               .author = "bdevkit", .license = "BSD-3-Clause", .part_suffix = "p0");

// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/path/validate.hpp"

#include <cerrno>

#include "base/strict.hpp"
#include "bdev/model/bdev.hpp"
#include "bdev/model/desc.hpp"
#include "bdev/model/io_type.hpp"
#include "thread/io_channel.hpp"

namespace bdk {

int validate_channel(bdk_bdev_desc* desc, bdk_io_channel* ch, BdevChannel** result, AbiCall call) {
    if (ch->io_device != desc) [[unlikely]]
        return -EINVAL;
    if (!on_channels_thread(ch, call)) [[unlikely]]
        return -EINVAL;
    auto* channel = static_cast<BdevChannel*>(io_channel_ctx(ch));
    if ((channel->flags & channel_closing) != 0) [[unlikely]]
        return -ENODEV;
    *result = channel;
    return 0;
}

int validate_type(const BdevChannel* ch, uint32_t type) {
    if (io_type(type).needs_write && !ch->desc->write.load(std::memory_order_relaxed)) [[unlikely]]
        return -EBADF;
    return ch->bdev->supports(type) ? 0 : -ENOTSUP;
}

namespace {

constexpr uint32_t known_checks = BDK_DIF_CHECK_REFTAG | BDK_DIF_CHECK_APPTAG | BDK_DIF_CHECK_GUARD;

/// The flags that an I/O of the type may be given.
uint32_t flags_of(uint32_t type) {
    const uint32_t fua = io_type(type).fua == Fua::none ? 0 : BDK_BDEV_IO_FUA;
    return fua | io_type(type).own_flags;
}

/// The flags that an I/O of some type may be given.
uint32_t known_flags() {
    uint32_t flags = 0;
    for (uint32_t type = 0; type < io_type_count; type++)
        flags |= flags_of(type);
    return flags;
}

/// Names what this host does not know. @return 0 if that is nothing; -EINVAL; -E2BIG
[[gnu::cold, gnu::noinline]] int check_known(const bdk_bdev_io_opts* opts) {
    int rc = check_size(opts, "bdk_bdev_io_opts", 24);
    if (rc == 0) rc = check_bits("bdk_bdev_io_opts.flags", opts->flags, known_flags());
    if (rc == 0)
        rc = check_bits("bdk_bdev_io_opts.dif_check_flags_exclude", opts->dif_check_flags_exclude,
                        known_checks);
    return rc == 0 ? check_bits("bdk_bdev_io_opts.reserved", opts->reserved, 0) : rc;
}

}  // namespace

int look_at_opts(const BdevChannel* ch, uint32_t type, const bdk_bdev_io_opts* opts) {
    if ((opts->flags & io_flags_of_minor(BDK_ABI_MINOR) & ~ch->bdev->module_flags) != 0) return -ENOTSUP;
    const Data data = io_type(type).data;
    const uint32_t checks = data == Data::none ? 0 : known_checks;
    const uint32_t refused =
        (opts->flags & ~flags_of(type)) | opts->reserved | (opts->dif_check_flags_exclude & ~checks);
    if (opts->size != sizeof(*opts) || refused != 0) [[unlikely]] {
        if (const int rc = check_known(opts); rc != 0) return rc;
        if (refused != 0) return -EINVAL;
    }
    if (opts->md_buf == nullptr) return 0;
    const bool has_md = ch->bdev->has_separate_md() && (ch->flags & channel_hides_md) == 0;
    return data == Data::iovs && has_md ? 0 : -EINVAL;
}

int validate_range(const BdevChannel* ch, uint64_t offset_blocks, uint64_t num_blocks) {
    uint64_t blockcnt = ch->bdev->blockcnt.load(std::memory_order_relaxed);
    bool inside = num_blocks != 0 && num_blocks <= blockcnt && offset_blocks <= blockcnt - num_blocks;
    return inside ? 0 : -EINVAL;
}

int validate_compare_and_write(const BdevChannel* ch, uint64_t offset_blocks, uint64_t num_blocks) {
    int rc = validate_range(ch, offset_blocks, num_blocks);
    return rc == 0 && num_blocks > ch->bdev->max_compare_and_write() ? -EINVAL : rc;
}

int validate_io(const BdevChannel* ch, const BdevIo* io) {
    int rc = validate_type(ch, io->pub.type);
    if (rc != 0) [[unlikely]]
        return rc;
    const IoType& type = io_type(io->pub.type);
    const bdk_bdev_io_block_params& params = io->pub.u.bdev;
    switch (type.carries) {
        case Carries::blocks:
            if ((params.flags & ~ch->bdev->module_flags) != 0) return -ENOTSUP;
            if (type.data == Data::fused)
                return validate_compare_and_write(ch, params.offset_blocks, params.num_blocks);
            rc = validate_range(ch, params.offset_blocks, params.num_blocks);
            return rc == 0 && type.has_source
                       ? validate_range(ch, params.src_offset_blocks, params.num_blocks)
                       : rc;
        case Carries::place:
            return validate_range(ch, params.offset_blocks, 1);
        case Carries::zone:
            return validate_zones(ch, io);
        default:
            return 0;
    }
}

int validate_zones(const BdevChannel* ch, const BdevIo* io) {
    const bdk_bdev_io_zone_mgmt_params& params = io->pub.u.zone_mgmt;
    const bdk_bdev& config = ch->bdev->config;
    bool zoned = (config.flags & BDK_BDEV_ZONED) != 0 && config.zone_size != 0;
    if (!zoned || params.num_zones == 0 || params.zone_id % config.zone_size != 0) return -EINVAL;
    uint64_t blockcnt = ch->bdev->blockcnt.load(std::memory_order_relaxed);
    uint64_t zones_left =
        params.zone_id < blockcnt ? (blockcnt - params.zone_id - 1) / config.zone_size + 1 : 0;
    return params.num_zones <= zones_left ? 0 : -EINVAL;
}

namespace {

/// @return 0 or -EINVAL.
int validate_limits(const Bdev* bdev, const BdevIo* io) {
    const bdk_bdev_io_block_params& params = io->pub.u.bdev;
    const bdk_bdev& config = bdev->config;
    uint32_t type = io->pub.type;
    if (type == BDK_BDEV_IO_TYPE_ZONE_APPEND) {
        uint64_t segments = uint64_t{config.max_segment_size} * config.max_num_segments;
        bool too_long = config.max_zone_append_size != 0 && params.num_blocks > config.max_zone_append_size;
        return too_long || (segments != 0 && bdev->bytes(params.num_blocks) > segments) ? -EINVAL : 0;
    }
    const bool made_of_writes = (io_type(type).made_from & type_bit(BDK_BDEV_IO_TYPE_WRITE)) != 0;
    bool writes = type == BDK_BDEV_IO_TYPE_WRITE || (made_of_writes && bdev->emulates(type));
    bool units = (config.flags & BDK_BDEV_SPLIT_ON_WRITE_UNIT) != 0 && config.write_unit_size > 1;
    if (!writes || !units) return 0;
    uint64_t rest =
        params.offset_blocks % config.write_unit_size | params.num_blocks % config.write_unit_size;
    return rest == 0 ? 0 : -EINVAL;
}

}  // namespace

int validate_entry(const BdevIo* io) {
    const bool refused = io_type(io->pub.type).hidden_md == HiddenMd::refused;
    if (refused && (io->ch->flags & channel_hides_md) != 0) return -ENOTSUP;
    return validate_limits(io->ch->bdev, io);
}

}  // namespace bdk

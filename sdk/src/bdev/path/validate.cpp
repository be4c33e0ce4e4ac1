// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/path/validate.hpp"

#include <cerrno>

#include "bdev/model/bdev.hpp"
#include "bdev/model/desc.hpp"
#include "bdev/path/straight.hpp"
#include "thread/io_channel.hpp"

namespace bdk {

namespace {

constexpr uint64_t bit(uint32_t type) {
    return BDK_BDEV_IO_TYPE_BIT(type);
}

constexpr uint64_t write_types = bit(BDK_BDEV_IO_TYPE_WRITE) | bit(BDK_BDEV_IO_TYPE_UNMAP) |
                                 bit(BDK_BDEV_IO_TYPE_WRITE_ZEROES) | bit(BDK_BDEV_IO_TYPE_COPY) |
                                 bit(BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE) |
                                 bit(BDK_BDEV_IO_TYPE_ZONE_MANAGEMENT) | bit(BDK_BDEV_IO_TYPE_ZONE_APPEND) |
                                 bit(BDK_BDEV_IO_TYPE_NVME_ADMIN) | bit(BDK_BDEV_IO_TYPE_NVME_IO) |
                                 bit(BDK_BDEV_IO_TYPE_NVME_IO_MD) | bit(BDK_BDEV_IO_TYPE_NVME_IOV_MD);

constexpr uint64_t range_types = bit(BDK_BDEV_IO_TYPE_READ) | bit(BDK_BDEV_IO_TYPE_WRITE) |
                                 bit(BDK_BDEV_IO_TYPE_UNMAP) | bit(BDK_BDEV_IO_TYPE_FLUSH) |
                                 bit(BDK_BDEV_IO_TYPE_WRITE_ZEROES) | bit(BDK_BDEV_IO_TYPE_ZCOPY) |
                                 bit(BDK_BDEV_IO_TYPE_COMPARE) | bit(BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE) |
                                 bit(BDK_BDEV_IO_TYPE_COPY) | bit(BDK_BDEV_IO_TYPE_ZONE_APPEND);

constexpr uint64_t zone_types = bit(BDK_BDEV_IO_TYPE_GET_ZONE_INFO) | bit(BDK_BDEV_IO_TYPE_ZONE_MANAGEMENT);

constexpr uint64_t seek_types = bit(BDK_BDEV_IO_TYPE_SEEK_DATA) | bit(BDK_BDEV_IO_TYPE_SEEK_HOLE);

}  // namespace

uint64_t straight_types_of(const BdevChannel* ch) {
    const Bdev* bdev = ch->bdev;
    if ((bdev->flags & BDK_BDEV_DYNAMIC_IO_TYPES) != 0) return 0;
    constexpr uint64_t plain = bit(BDK_BDEV_IO_TYPE_READ) | bit(BDK_BDEV_IO_TYPE_WRITE) |
                               bit(BDK_BDEV_IO_TYPE_UNMAP) | bit(BDK_BDEV_IO_TYPE_FLUSH) |
                               bit(BDK_BDEV_IO_TYPE_WRITE_ZEROES);
    uint64_t allowed = ch->desc->write.load(std::memory_order_relaxed) ? plain : plain & ~write_types;
    return bdev->io_types & ~bdev->core_types & allowed;
}

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
    if ((bit(type) & write_types) != 0 && !ch->desc->write.load(std::memory_order_relaxed)) [[unlikely]]
        return -EBADF;
    return ch->bdev->supports(type) ? 0 : -ENOTSUP;
}

int validate_range(const BdevChannel* ch, uint64_t offset_blocks, uint64_t num_blocks) {
    uint64_t blockcnt = ch->bdev->blockcnt.load(std::memory_order_relaxed);
    bool inside = num_blocks != 0 && num_blocks <= blockcnt && offset_blocks <= blockcnt - num_blocks;
    return inside ? 0 : -EINVAL;
}

int validate_compare_and_write(const BdevChannel* ch, uint64_t offset_blocks, uint64_t num_blocks) {
    int rc = validate_range(ch, offset_blocks, num_blocks);
    return rc == 0 && num_blocks > ch->bdev->acwu() ? -EINVAL : rc;
}

int validate_io(const BdevChannel* ch, const BdevIo* io) {
    int rc = validate_type(ch, io->pub.type);
    if (rc != 0) [[unlikely]]
        return rc;
    uint64_t type_bit = bit(io->pub.type);
    if ((type_bit & range_types) != 0) {
        rc = validate_range(ch, io->pub.u.bdev.offset_blocks, io->pub.u.bdev.num_blocks);
        if (rc == 0 && io->pub.type == BDK_BDEV_IO_TYPE_COPY)
            rc = validate_range(ch, io->pub.u.bdev.src_offset_blocks, io->pub.u.bdev.num_blocks);
        else if (rc == 0 && io->pub.type == BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE)
            rc = validate_compare_and_write(ch, io->pub.u.bdev.offset_blocks, io->pub.u.bdev.num_blocks);
    } else if ((type_bit & seek_types) != 0) {
        rc = validate_range(ch, io->pub.u.bdev.offset_blocks, 1);
    } else if ((type_bit & zone_types) != 0) {
        rc = validate_zones(ch, io);
    }
    return rc;
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

int validate_limits(const Bdev* bdev, const BdevIo* io) {
    const bdk_bdev_io_block_params& params = io->pub.u.bdev;
    const bdk_bdev& config = bdev->config;
    uint32_t type = io->pub.type;
    if (type == BDK_BDEV_IO_TYPE_ZONE_APPEND) {
        uint64_t segments = uint64_t{config.max_segment_size} * config.max_num_segments;
        bool too_long = config.max_zone_append_size != 0 && params.num_blocks > config.max_zone_append_size;
        return too_long || (segments != 0 && bdev->bytes(params.num_blocks) > segments) ? -EINVAL : 0;
    }
    constexpr uint64_t made_of_writes = bit(BDK_BDEV_IO_TYPE_WRITE_ZEROES) | bit(BDK_BDEV_IO_TYPE_COPY) |
                                        bit(BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE);
    bool writes =
        type == BDK_BDEV_IO_TYPE_WRITE || ((bit(type) & made_of_writes) != 0 && bdev->emulates(type));
    bool units = (config.flags & BDK_BDEV_SPLIT_ON_WRITE_UNIT) != 0 && config.write_unit_size > 1;
    if (!writes || !units) return 0;
    uint64_t rest =
        params.offset_blocks % config.write_unit_size | params.num_blocks % config.write_unit_size;
    return rest == 0 ? 0 : -EINVAL;
}

}  // namespace bdk

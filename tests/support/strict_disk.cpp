// SPDX-License-Identifier: BSD-3-Clause
#include "support/strict_disk.hpp"

#include <cstring>
#include <utility>

namespace bdk::test {

namespace {

bool has_data(uint32_t type) {
    return type == BDK_BDEV_IO_TYPE_READ || type == BDK_BDEV_IO_TYPE_WRITE ||
           type == BDK_BDEV_IO_TYPE_COMPARE || type == BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE ||
           type == BDK_BDEV_IO_TYPE_ZONE_APPEND;
}

}  // namespace

int StrictDisk::add_strict() {
    on_submit = [this](bdk_bdev_io* io) { take(io); };
    md.assign(bdev.blockcnt * bdev.md_len, std::byte{0});
    return add();
}

void StrictDisk::shuffle(uint64_t seed) {
    random_.seed(seed);
    auto run = [](void* ctx) { return static_cast<StrictDisk*>(ctx)->complete_some(); };
    poller_ = bdk_poller_register(run, this, 0, "strict_disk");
}

void StrictDisk::calm() {
    bdk_poller_unregister(&poller_);
}

void StrictDisk::take(bdk_bdev_io* io) {
    if (io->type == BDK_BDEV_IO_TYPE_ABORT) return bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_FAILED);
    if (poller_ != nullptr && random_() % 16 == 0) return bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_NOMEM);
    if (wrong.empty()) wrong = check(io);
    came.push_back({io->type, io->u.bdev.offset_blocks, io->u.bdev.num_blocks,
                    has_data(io->type) ? io->u.bdev.iovcnt : 0});
    if (poller_ == nullptr || random_() % 4 == 0) return execute(io);
    pending_.push_back(io);
}

int StrictDisk::complete_some() {
    if (pending_.empty()) return BDK_POLLER_IDLE;
    std::swap(pending_[random_() % pending_.size()], pending_.back());
    bdk_bdev_io* io = pending_.back();
    pending_.pop_back();
    execute(io);
    return BDK_POLLER_BUSY;
}

std::string StrictDisk::check(const bdk_bdev_io* io) const {
    const bdk_bdev_io_block_params& params = io->u.bdev;
    std::string what = std::string(bdk_bdev_io_type_name(io->type)) + " of " +
                       std::to_string(params.num_blocks) + " blocks at " +
                       std::to_string(params.offset_blocks) + ": ";
    bool rw = io->type == BDK_BDEV_IO_TYPE_READ || io->type == BDK_BDEV_IO_TYPE_WRITE ||
              io->type == BDK_BDEV_IO_TYPE_COMPARE;
    auto crosses = [&](uint64_t every) {
        return params.offset_blocks / every != (params.offset_blocks + params.num_blocks - 1) / every;
    };
    bool units = io->type == BDK_BDEV_IO_TYPE_WRITE && (flags & BDK_BDEV_SPLIT_ON_WRITE_UNIT) != 0;
    if (units && (params.num_blocks != bdev.write_unit_size || crosses(bdev.write_unit_size)))
        return what + "no write unit";
    if (rw && !units && (flags & BDK_BDEV_SPLIT_ON_OPTIMAL_IO_BOUNDARY) != 0 &&
        bdev.optimal_io_boundary != 0 && crosses(bdev.optimal_io_boundary))
        return what + "crosses a boundary";
    auto exceeds = [&](uint64_t limit) { return limit != 0 && params.num_blocks > limit; };
    if (rw && exceeds(bdev.max_rw_size)) return what + "exceeds max_rw_size";
    if (io->type == BDK_BDEV_IO_TYPE_UNMAP && exceeds(bdev.max_unmap)) return what + "exceeds max_unmap";
    if (io->type == BDK_BDEV_IO_TYPE_WRITE_ZEROES && exceeds(bdev.max_write_zeroes))
        return what + "exceeds max_write_zeroes";
    if (io->type == BDK_BDEV_IO_TYPE_COPY && exceeds(bdev.max_copy)) return what + "exceeds max_copy";
    if ((params.flags & BDK_BDEV_IO_FUA) != 0 && (flags & BDK_BDEV_WRITE_CACHE) != 0 &&
        (flags & BDK_BDEV_FUA) == 0)
        return what + "has FUA";
    if (!has_data(io->type) || params.iovs[0].iov_base == nullptr) return "";

    bool fused = io->type == BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE;
    if (!fused && bdev.max_num_segments != 0 && uint32_t(params.iovcnt) > bdev.max_num_segments)
        return what + "has too many segments";
    uint64_t bytes = 0;
    for (int32_t i = 0; i < params.iovcnt; i++) {
        const iovec& iov = params.iovs[i];
        bytes += iov.iov_len;
        if (!fused && bdev.max_segment_size != 0 && iov.iov_len > bdev.max_segment_size)
            return what + "has too long a segment";
        if ((reinterpret_cast<uintptr_t>(iov.iov_base) & ((uintptr_t{1} << bdev.required_alignment) - 1)) !=
            0)
            return what + "is misaligned";
    }
    return bytes == params.num_blocks * block_size ? "" : what + "has the wrong length of data";
}

void StrictDisk::execute(bdk_bdev_io* io) {
    if (io->type == BDK_BDEV_IO_TYPE_READ && io->u.bdev.iovs[0].iov_base == nullptr) {
        auto ready = [](bdk_io_channel*, bdk_bdev_io* reader, bool success) {
            if (!success) return bdk_bdev_io_complete(reader, BDK_BDEV_IO_STATUS_FAILED);
            static_cast<StrictDisk*>(static_cast<RawDisk*>(reader->bdev->ctxt))->transfer(reader);
        };
        return bdk_bdev_io_get_buf(io, ready, io->u.bdev.num_blocks * block_size);
    }
    transfer(io);
}

void StrictDisk::transfer(bdk_bdev_io* io) {
    const bdk_bdev_io_block_params& params = io->u.bdev;
    std::byte* at = data.data() + params.offset_blocks * block_size;
    std::byte* md_at = md.data() + params.offset_blocks * bdev.md_len;
    uint64_t md_bytes = params.num_blocks * bdev.md_len;
    int32_t status = BDK_BDEV_IO_STATUS_SUCCESS;
    switch (io->type) {
        case BDK_BDEV_IO_TYPE_READ:
            for (int32_t i = 0; i < params.iovcnt; at += params.iovs[i].iov_len, i++)
                if (params.iovs[i].iov_len != 0)
                    std::memcpy(params.iovs[i].iov_base, at, params.iovs[i].iov_len);
            if (params.md_buf != nullptr && md_bytes != 0) std::memcpy(params.md_buf, md_at, md_bytes);
            break;
        case BDK_BDEV_IO_TYPE_WRITE:
            store(io, params.iovs, params.iovcnt);
            if (params.md_buf != nullptr) std::memcpy(md_at, params.md_buf, md_bytes);
            break;
        case BDK_BDEV_IO_TYPE_COMPARE:
        case BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE:
            if (!equal(io, params.iovs, params.iovcnt)) status = BDK_BDEV_IO_STATUS_MISCOMPARE;
            if (params.md_buf != nullptr && std::memcmp(md_at, params.md_buf, md_bytes) != 0)
                status = BDK_BDEV_IO_STATUS_MISCOMPARE;
            if (status == BDK_BDEV_IO_STATUS_SUCCESS && io->type == BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE)
                store(io, params.fused_iovs, params.fused_iovcnt);
            break;
        case BDK_BDEV_IO_TYPE_COPY:
            std::memmove(at, data.data() + params.src_offset_blocks * block_size,
                         params.num_blocks * block_size);
            if (md_bytes != 0)
                std::memmove(md_at, md.data() + params.src_offset_blocks * bdev.md_len, md_bytes);
            break;
        case BDK_BDEV_IO_TYPE_UNMAP:
        case BDK_BDEV_IO_TYPE_WRITE_ZEROES:
            std::memset(at, 0, params.num_blocks * block_size);
            std::fill_n(md_at, md_bytes, std::byte{0});
            break;
        default:
            break;
    }
    bdk_bdev_io_complete(io, status);
}

bool StrictDisk::equal(const bdk_bdev_io* io, const iovec* iovs, int32_t count) const {
    const std::byte* at = data.data() + io->u.bdev.offset_blocks * block_size;
    for (int32_t i = 0; i < count; at += iovs[i].iov_len, i++)
        if (iovs[i].iov_len != 0 && std::memcmp(at, iovs[i].iov_base, iovs[i].iov_len) != 0) return false;
    return true;
}

void StrictDisk::store(const bdk_bdev_io* io, const iovec* iovs, int32_t count) {
    std::byte* at = data.data() + io->u.bdev.offset_blocks * block_size;
    for (int32_t i = 0; i < count; at += iovs[i].iov_len, i++)
        if (iovs[i].iov_len != 0) std::memcpy(at, iovs[i].iov_base, iovs[i].iov_len);
}

}  // namespace bdk::test

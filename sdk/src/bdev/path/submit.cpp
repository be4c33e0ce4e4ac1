// SPDX-License-Identifier: BSD-3-Clause
// The submission functions of desc.h and zone.h.
#include <bdevkit/desc.h>
#include <bdevkit/zone.h>

#include <cerrno>
#include <cstring>

#include "base/element.hpp"
#include "bdev/model/bdev.hpp"
#include "bdev/model/desc.hpp"
#include "bdev/model/io_pool.hpp"
#include "bdev/path/complete.hpp"
#include "bdev/path/dispatch.hpp"
#include "bdev/path/enter.hpp"
#include "bdev/path/fast_path.hpp"
#include "bdev/path/fill.hpp"
#include "bdev/path/validate.hpp"

namespace bdk {

namespace {

using Cb = bdk_bdev_io_completion_cb;

/// The parameters that all submissions have.
struct Submitter {
    bdk_bdev_desc* desc;
    bdk_io_channel* ch;
    const bdk_bdev_io_opts* opts;
    Cb cb;
    void* cb_arg;
    AbiCall call;
};

struct BlockRange {
    uint64_t offset;
    uint64_t count;
};

void apply_opts(BdevIo* io, const bdk_bdev_io_opts* opts) {
    bdk_bdev_io_block_params& params = io->pub.u.bdev;
    params.flags = opts->flags;
    params.md_buf = opts->md_buf;
    params.dif_check_flags &= ~opts->dif_check_flags_exclude;
}

/// Checks channel, type and options, and takes a bdev_io. @return 0 with *result set, or an errno.
int take_io(const Submitter& by, uint32_t type, BdevIo** result) {
    BdevChannel* channel = nullptr;
    int rc = validate_channel(by.desc, by.ch, &channel, by.call);
    if (rc == 0) rc = validate_type(channel, type);
    if (rc == 0) rc = validate_opts(channel, type, by.opts);
    if (rc != 0) [[unlikely]]
        return rc;
    if (!has_callback(by.cb, by.call)) [[unlikely]]
        return -EINVAL;
    BdevIo* io = channel->pool->take_for(channel);
    // I/Os that hold the whole pool may wait for the end of the write that this I/O continues.
    if (io == nullptr && channel->goes_on_with_locked_range(by.cb_arg)) [[unlikely]]
        io = channel->pool->take_from_reserve();
    if (io == nullptr) [[unlikely]]
        return -ENOMEM;
    io_fill(io, type, channel, by.cb, by.cb_arg, current_thread()->turn_ticks);
    *result = io;
    return 0;
}

/// Like take_io(), and also checks and sets the range, and sets the options. Buffers are left empty.
int take_block_io(const Submitter& by, uint32_t type, BlockRange range, BdevIo** result) {
    int rc = take_io(by, type, result);
    if (rc != 0) [[unlikely]]
        return rc;
    BdevIo* io = *result;
    rc = validate_range(io->ch, range.offset, range.count);
    if (rc != 0) [[unlikely]] {
        io->pool->give_back(io);
        return rc;
    }
    io_fill_blocks(io, nullptr, 0, range.offset, range.count, io->ch->bdev->dif_check_flags);
    if (by.opts != nullptr) apply_opts(io, by.opts);
    return 0;
}

/// Bytes of blocks as the channel's desc sees them.
uint64_t bytes_of(const BdevChannel* ch, uint64_t blocks) {
    if ((ch->flags & channel_hides_md) != 0) [[unlikely]]
        return blocks * block_size_of(ch->desc);
    return ch->bdev->bytes(blocks);
}

int refuse(BdevIo* io, int rc) {
    io->pool->give_back(io);
    return rc;
}

bool covers(const iovec* iovs, int32_t iovcnt, uint64_t bytes) {
    if (iovs == nullptr || iovcnt <= 0) return false;
    uint64_t sum = 0;
    for (int32_t i = 0; i < iovcnt; i++)
        sum += iovs[i].iov_len;
    return sum == bytes;
}

/// submit_buf() for an I/O that cannot take the fast path.
[[gnu::noinline]] int submit_buf_checked(bdk_bdev_desc* desc, bdk_io_channel* ch, void* buf, BlockRange range,
                                         const bdk_bdev_io_opts* opts, Cb cb, void* cb_arg, uint32_t type,
                                         AbiCall call) {
    BdevIo* io = nullptr;
    int rc = take_block_io({desc, ch, opts, cb, cb_arg, call}, type, range, &io);
    if (rc != 0) [[unlikely]]
        return rc;
    if (buf == nullptr && type != BDK_BDEV_IO_TYPE_READ) [[unlikely]]
        return refuse(io, -EINVAL);
    io->iov = {buf, bytes_of(io->ch, range.count)};
    io->pub.u.bdev.iovs = &io->iov;
    io->pub.u.bdev.iovcnt = 1;
    return io_submit(io);
}

/// Submits an I/O with one buffer, or with `buf` NULL if the host provides it. It uses no Submitter, so that
/// everything stays in registers.
[[gnu::always_inline]] inline int submit_buf(bdk_bdev_desc* desc, bdk_io_channel* user_ch, void* buf,
                                             BlockRange range, const bdk_bdev_io_opts* opts, Cb cb,
                                             void* cb_arg, uint32_t type, AbiCall call) {
    bdk_thread* thread = current_thread();
    BdevChannel* ch = fast_channel(thread, desc, user_ch, type, range.offset, range.count);
    const bool fast = ch != nullptr && buf != nullptr && cb != nullptr && opts == nullptr;
    BdevIo* io = fast ? ch->pool->take_free() : nullptr;
    if (io == nullptr) [[unlikely]]
        return submit_buf_checked(desc, user_ch, buf, range, opts, cb, cb_arg, type, call);
    const Bdev* bdev = ch->bdev;
    io_fill(io, type, ch, cb, cb_arg, thread->turn_ticks);
    io->iov = {buf, bdev->bytes(range.count)};
    io_fill_blocks(io, &io->iov, 1, range.offset, range.count, bdev->dif_check_flags);
    if (io_count_in(io)) [[likely]]
        io_dispatch(io, thread);
    else
        io_complete_from_core(io, BDK_BDEV_IO_STATUS_NOMEM);
    return 0;
}

int submit_iovs(const Submitter& by, uint32_t type, iovec* iovs, int32_t iovcnt, BlockRange range) {
    BdevIo* io = nullptr;
    int rc = take_block_io(by, type, range, &io);
    if (rc != 0) [[unlikely]]
        return rc;
    bool without = type == BDK_BDEV_IO_TYPE_READ && iovcnt == 0;
    if (!without && !covers(iovs, iovcnt, bytes_of(io->ch, range.count))) [[unlikely]]
        return refuse(io, -EINVAL);
    if (without) {
        io->iov = {nullptr, bytes_of(io->ch, range.count)};
        iovs = &io->iov;
        iovcnt = 1;
    }
    io->pub.u.bdev.iovs = iovs;
    io->pub.u.bdev.iovcnt = iovcnt;
    return io_submit(io);
}

/// @param flags  in addition to those of the options
int submit_range(const Submitter& by, uint32_t type, BlockRange range, uint32_t flags = 0) {
    BdevIo* io = nullptr;
    int rc = take_block_io(by, type, range, &io);
    if (rc != 0) return rc;
    io->pub.u.bdev.flags |= flags;
    return io_submit(io);
}

/// Converts bytes to blocks. False if they are no multiples of the block size.
bool to_blocks(const bdk_bdev_desc* desc, uint64_t offset, uint64_t nbytes, BlockRange* range) {
    const Bdev* bdev = desc->bdev;
    uint64_t mask = bdev->blocklen - 1ull;
    if (bdev->block_shift != 0 && !desc->hides_md) [[likely]] {
        *range = {offset >> bdev->block_shift, nbytes >> bdev->block_shift};
        return ((offset | nbytes) & mask) == 0;
    }
    uint32_t block_size = block_size_of(desc);
    *range = {offset / block_size, nbytes / block_size};
    return offset % block_size == 0 && nbytes % block_size == 0;
}

int submit_seek(const Submitter& by, uint32_t type, uint64_t offset_blocks) {
    BdevIo* io = nullptr;
    int rc = take_block_io(by, type, {offset_blocks, 1}, &io);
    if (rc != 0) return rc;
    io->pub.u.bdev.seek_offset = UINT64_MAX;
    return io_submit(io);
}

struct NvmeData {
    void* buf;
    iovec* iovs;
    int32_t iovcnt;
    uint64_t nbytes;
    void* md_buf;
    uint32_t md_nbytes;
};

int submit_nvme(const Submitter& by, uint32_t type, const void* cmd, const NvmeData& data) {
    BdevIo* io = nullptr;
    int rc = take_io(by, type, &io);
    if (rc != 0) return rc;
    bdk_bdev_io_nvme_passthru_params& params = io->pub.u.nvme_passthru;
    std::memcpy(params.cmd, cmd, sizeof(params.cmd));
    params.buf = data.buf;
    params.iovs = data.iovs;
    params.iovcnt = data.iovcnt;
    params.nbytes = data.nbytes;
    params.md_buf = data.md_buf;
    params.md_nbytes = data.md_nbytes;
    return io_submit(io);
}

int submit_zone(const Submitter& by, uint32_t type, const bdk_bdev_io_zone_mgmt_params& params) {
    BdevIo* io = nullptr;
    int rc = take_io(by, type, &io);
    if (rc != 0) return rc;
    io->pub.u.zone_mgmt = params;
    if (validate_zones(io->ch, io) != 0) return refuse(io, -EINVAL);
    return io_submit(io);
}

}  // namespace

}  // namespace bdk

// Write this in the exported function itself.
#define BDK_SUBMITTER                            \
    bdk::Submitter {                             \
        desc, ch, opts, cb, cb_arg, BDK_ABI_CALL \
    }

int bdk_bdev_read_blocks(bdk_bdev_desc* desc, bdk_io_channel* ch, void* buf, uint64_t offset_blocks,
                         uint64_t num_blocks, const bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                         void* cb_arg) {
    return bdk::submit_buf(desc, ch, buf, {offset_blocks, num_blocks}, opts, cb, cb_arg,
                           BDK_BDEV_IO_TYPE_READ, BDK_ABI_CALL);
}

int bdk_bdev_write_blocks(bdk_bdev_desc* desc, bdk_io_channel* ch, void* buf, uint64_t offset_blocks,
                          uint64_t num_blocks, const bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                          void* cb_arg) {
    return bdk::submit_buf(desc, ch, buf, {offset_blocks, num_blocks}, opts, cb, cb_arg,
                           BDK_BDEV_IO_TYPE_WRITE, BDK_ABI_CALL);
}

int bdk_bdev_read(bdk_bdev_desc* desc, bdk_io_channel* ch, void* buf, uint64_t offset, uint64_t nbytes,
                  const bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb, void* cb_arg) {
    bdk::BlockRange range{};
    if (!bdk::to_blocks(desc, offset, nbytes, &range)) return -EINVAL;
    return bdk::submit_buf(desc, ch, buf, range, opts, cb, cb_arg, BDK_BDEV_IO_TYPE_READ, BDK_ABI_CALL);
}

int bdk_bdev_write(bdk_bdev_desc* desc, bdk_io_channel* ch, void* buf, uint64_t offset, uint64_t nbytes,
                   const bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb, void* cb_arg) {
    bdk::BlockRange range{};
    if (!bdk::to_blocks(desc, offset, nbytes, &range)) return -EINVAL;
    return bdk::submit_buf(desc, ch, buf, range, opts, cb, cb_arg, BDK_BDEV_IO_TYPE_WRITE, BDK_ABI_CALL);
}

int bdk_bdev_flush(bdk_bdev_desc* desc, bdk_io_channel* ch, uint64_t offset, uint64_t nbytes,
                   const bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb, void* cb_arg) {
    bdk::BlockRange range{};
    if (!bdk::to_blocks(desc, offset, nbytes, &range)) return -EINVAL;
    return bdk::submit_range(BDK_SUBMITTER, BDK_BDEV_IO_TYPE_FLUSH, range);
}

int bdk_bdev_unmap(bdk_bdev_desc* desc, bdk_io_channel* ch, uint64_t offset, uint64_t nbytes,
                   const bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb, void* cb_arg) {
    bdk::BlockRange range{};
    if (!bdk::to_blocks(desc, offset, nbytes, &range)) return -EINVAL;
    return bdk::submit_range(BDK_SUBMITTER, BDK_BDEV_IO_TYPE_UNMAP, range);
}

int bdk_bdev_write_zeroes(bdk_bdev_desc* desc, bdk_io_channel* ch, uint64_t offset, uint64_t nbytes,
                          const bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb, void* cb_arg) {
    bdk::BlockRange range{};
    if (!bdk::to_blocks(desc, offset, nbytes, &range)) return -EINVAL;
    return bdk::submit_range(BDK_SUBMITTER, BDK_BDEV_IO_TYPE_WRITE_ZEROES, range);
}

int bdk_bdev_readv_blocks(bdk_bdev_desc* desc, bdk_io_channel* ch, iovec* iovs, int32_t iovcnt,
                          uint64_t offset_blocks, uint64_t num_blocks, const bdk_bdev_io_opts* opts,
                          bdk_bdev_io_completion_cb cb, void* cb_arg) {
    return bdk::submit_iovs(BDK_SUBMITTER, BDK_BDEV_IO_TYPE_READ, iovs, iovcnt, {offset_blocks, num_blocks});
}

int bdk_bdev_writev_blocks(bdk_bdev_desc* desc, bdk_io_channel* ch, iovec* iovs, int32_t iovcnt,
                           uint64_t offset_blocks, uint64_t num_blocks, const bdk_bdev_io_opts* opts,
                           bdk_bdev_io_completion_cb cb, void* cb_arg) {
    return bdk::submit_iovs(BDK_SUBMITTER, BDK_BDEV_IO_TYPE_WRITE, iovs, iovcnt, {offset_blocks, num_blocks});
}

int bdk_bdev_flush_blocks(bdk_bdev_desc* desc, bdk_io_channel* ch, uint64_t offset_blocks,
                          uint64_t num_blocks, const bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                          void* cb_arg) {
    return bdk::submit_range(BDK_SUBMITTER, BDK_BDEV_IO_TYPE_FLUSH, {offset_blocks, num_blocks});
}

int bdk_bdev_unmap_blocks(bdk_bdev_desc* desc, bdk_io_channel* ch, uint64_t offset_blocks,
                          uint64_t num_blocks, const bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                          void* cb_arg) {
    return bdk::submit_range(BDK_SUBMITTER, BDK_BDEV_IO_TYPE_UNMAP, {offset_blocks, num_blocks});
}

int bdk_bdev_write_zeroes_blocks(bdk_bdev_desc* desc, bdk_io_channel* ch, uint64_t offset_blocks,
                                 uint64_t num_blocks, const bdk_bdev_io_opts* opts,
                                 bdk_bdev_io_completion_cb cb, void* cb_arg) {
    return bdk::submit_range(BDK_SUBMITTER, BDK_BDEV_IO_TYPE_WRITE_ZEROES, {offset_blocks, num_blocks});
}

int bdk_bdev_comparev_blocks(bdk_bdev_desc* desc, bdk_io_channel* ch, iovec* iovs, int32_t iovcnt,
                             uint64_t offset_blocks, uint64_t num_blocks, const bdk_bdev_io_opts* opts,
                             bdk_bdev_io_completion_cb cb, void* cb_arg) {
    return bdk::submit_iovs(BDK_SUBMITTER, BDK_BDEV_IO_TYPE_COMPARE, iovs, iovcnt,
                            {offset_blocks, num_blocks});
}

int bdk_bdev_comparev_and_writev_blocks(bdk_bdev_desc* desc, bdk_io_channel* ch, iovec* compare_iovs,
                                        int32_t compare_iovcnt, iovec* write_iovs, int32_t write_iovcnt,
                                        uint64_t offset_blocks, uint64_t num_blocks,
                                        const bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                                        void* cb_arg) {
    bdk::BdevIo* io = nullptr;
    int rc = bdk::take_block_io(BDK_SUBMITTER, BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE,
                                {offset_blocks, num_blocks}, &io);
    if (rc != 0) return rc;
    rc = bdk::validate_compare_and_write(io->ch, offset_blocks, num_blocks);
    if (rc != 0) return bdk::refuse(io, rc);
    uint64_t bytes = bdk::bytes_of(io->ch, num_blocks);
    if (!bdk::covers(compare_iovs, compare_iovcnt, bytes) || !bdk::covers(write_iovs, write_iovcnt, bytes))
        return bdk::refuse(io, -EINVAL);
    io->pub.u.bdev.iovs = compare_iovs;
    io->pub.u.bdev.iovcnt = compare_iovcnt;
    io->pub.u.bdev.fused_iovs = write_iovs;
    io->pub.u.bdev.fused_iovcnt = write_iovcnt;
    return bdk::io_submit(io);
}

int bdk_bdev_copy_blocks(bdk_bdev_desc* desc, bdk_io_channel* ch, uint64_t dst_offset_blocks,
                         uint64_t src_offset_blocks, uint64_t num_blocks, const bdk_bdev_io_opts* opts,
                         bdk_bdev_io_completion_cb cb, void* cb_arg) {
    bdk::BdevIo* io = nullptr;
    int rc = bdk::take_block_io(BDK_SUBMITTER, BDK_BDEV_IO_TYPE_COPY, {dst_offset_blocks, num_blocks}, &io);
    if (rc != 0) return rc;
    rc = bdk::validate_range(io->ch, src_offset_blocks, num_blocks);
    if (rc != 0) return bdk::refuse(io, rc);
    io->pub.u.bdev.src_offset_blocks = src_offset_blocks;
    return bdk::io_submit(io);
}

int bdk_bdev_zcopy_start(bdk_bdev_desc* desc, bdk_io_channel* ch, uint64_t offset_blocks, uint64_t num_blocks,
                         bool populate, const bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                         void* cb_arg) {
    uint32_t flags = BDK_BDEV_IO_ZCOPY_START;
    if (populate) flags |= BDK_BDEV_IO_ZCOPY_POPULATE;
    return bdk::submit_range(BDK_SUBMITTER, BDK_BDEV_IO_TYPE_ZCOPY, {offset_blocks, num_blocks}, flags);
}

int bdk_bdev_zcopy_end(bdk_bdev_io* pub, bool commit, const bdk_bdev_io_opts* opts,
                       bdk_bdev_io_completion_cb cb, void* cb_arg) {
    bdk::BdevIo* io = bdk::BdevIo::of(pub);
    if (!bdk::on_submitters_thread(io, BDK_ABI_CALL)) return -EINVAL;
    const bool has_started = io->pub.type == BDK_BDEV_IO_TYPE_ZCOPY && io->state == bdk::IoState::completed &&
                             (io->pub.u.bdev.flags & BDK_BDEV_IO_ZCOPY_START) != 0 && io->succeeded();
    if (!has_started) return -EINVAL;
    if (!bdk::has_callback(cb, BDK_ABI_CALL)) return -EINVAL;
    if ((io->ch->flags & bdk::channel_closing) != 0) return -ENODEV;
    if (const int rc = bdk::validate_opts(io->ch, BDK_BDEV_IO_TYPE_ZCOPY, opts); rc != 0) return rc;
    if (commit && !io->ch->desc->write.load(std::memory_order_relaxed)) return -EBADF;
    io->pub.u.bdev.flags = 0;
    if (commit) io->pub.u.bdev.flags = BDK_BDEV_IO_ZCOPY_COMMIT;
    io->cb = cb;
    io->cb_arg = cb_arg;
    io->submit_ticks = bdk::current_thread()->turn_ticks;
    // Not io_submit(), which would return the bdev_io to the pool on failure: this one belongs to the caller.
    bdk::io_enter(io);
    return 0;
}

int bdk_bdev_seek_data(bdk_bdev_desc* desc, bdk_io_channel* ch, uint64_t offset_blocks,
                       const bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb, void* cb_arg) {
    return bdk::submit_seek(BDK_SUBMITTER, BDK_BDEV_IO_TYPE_SEEK_DATA, offset_blocks);
}

int bdk_bdev_seek_hole(bdk_bdev_desc* desc, bdk_io_channel* ch, uint64_t offset_blocks,
                       const bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb, void* cb_arg) {
    return bdk::submit_seek(BDK_SUBMITTER, BDK_BDEV_IO_TYPE_SEEK_HOLE, offset_blocks);
}

int bdk_bdev_reset(bdk_bdev_desc* desc, bdk_io_channel* ch, const bdk_bdev_io_opts* opts,
                   bdk_bdev_io_completion_cb cb, void* cb_arg) {
    bdk::BdevIo* io = nullptr;
    int rc = bdk::take_io(BDK_SUBMITTER, BDK_BDEV_IO_TYPE_RESET, &io);
    if (rc != 0) return rc;
    io->pub.u.reset = {};
    return bdk::io_submit(io);
}

int bdk_bdev_nvme_admin_passthru(bdk_bdev_desc* desc, bdk_io_channel* ch, const void* cmd, void* buf,
                                 uint64_t nbytes, const bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                                 void* cb_arg) {
    return bdk::submit_nvme(BDK_SUBMITTER, BDK_BDEV_IO_TYPE_NVME_ADMIN, cmd,
                            {buf, nullptr, 0, nbytes, nullptr, 0});
}

int bdk_bdev_nvme_io_passthru(bdk_bdev_desc* desc, bdk_io_channel* ch, const void* cmd, void* buf,
                              uint64_t nbytes, const bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                              void* cb_arg) {
    return bdk::submit_nvme(BDK_SUBMITTER, BDK_BDEV_IO_TYPE_NVME_IO, cmd,
                            {buf, nullptr, 0, nbytes, nullptr, 0});
}

int bdk_bdev_nvme_io_passthru_md(bdk_bdev_desc* desc, bdk_io_channel* ch, const void* cmd, void* buf,
                                 uint64_t nbytes, void* md_buf, uint32_t md_nbytes,
                                 const bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb, void* cb_arg) {
    return bdk::submit_nvme(BDK_SUBMITTER, BDK_BDEV_IO_TYPE_NVME_IO_MD, cmd,
                            {buf, nullptr, 0, nbytes, md_buf, md_nbytes});
}

int bdk_bdev_nvme_iov_passthru_md(bdk_bdev_desc* desc, bdk_io_channel* ch, const void* cmd, iovec* iovs,
                                  int32_t iovcnt, uint64_t nbytes, void* md_buf, uint32_t md_nbytes,
                                  const bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb, void* cb_arg) {
    if (!bdk::covers(iovs, iovcnt, nbytes)) return -EINVAL;
    return bdk::submit_nvme(BDK_SUBMITTER, BDK_BDEV_IO_TYPE_NVME_IOV_MD, cmd,
                            {nullptr, iovs, iovcnt, nbytes, md_buf, md_nbytes});
}

int bdk_bdev_get_zone_info(bdk_bdev_desc* desc, bdk_io_channel* ch, uint64_t zone_id, uint32_t num_zones,
                           bdk_bdev_zone_info* info, uint32_t info_size, const bdk_bdev_io_opts* opts,
                           bdk_bdev_io_completion_cb cb, void* cb_arg) {
    if (num_zones == 0 || info == nullptr) return -EINVAL;
    if (!bdk::is_element_size(info_size, bdk::zone_info_least)) return -EINVAL;
    return bdk::submit_zone(BDK_SUBMITTER, BDK_BDEV_IO_TYPE_GET_ZONE_INFO,
                            {zone_id, num_zones, 0, info, info_size, 0});
}

int bdk_bdev_zone_management(bdk_bdev_desc* desc, bdk_io_channel* ch, uint64_t zone_id, uint32_t action,
                             const bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb, void* cb_arg) {
    if (action < BDK_BDEV_ZONE_CLOSE || action > BDK_BDEV_ZONE_OFFLINE) return -EINVAL;
    return bdk::submit_zone(BDK_SUBMITTER, BDK_BDEV_IO_TYPE_ZONE_MANAGEMENT,
                            {zone_id, 1, action, nullptr, 0, 0});
}

int bdk_bdev_zone_appendv(bdk_bdev_desc* desc, bdk_io_channel* ch, iovec* iovs, int32_t iovcnt,
                          uint64_t zone_id, uint64_t num_blocks, const bdk_bdev_io_opts* opts,
                          bdk_bdev_io_completion_cb cb, void* cb_arg) {
    if (!bdk::on_channels_thread(ch, BDK_ABI_CALL)) return -EINVAL;
    const bdk::Bdev* bdev = desc->bdev;
    if ((bdev->flags & BDK_BDEV_ZONED) == 0 || bdev->config.zone_size == 0 ||
        zone_id % bdev->config.zone_size != 0)
        return -EINVAL;
    return bdk::submit_iovs(BDK_SUBMITTER, BDK_BDEV_IO_TYPE_ZONE_APPEND, iovs, iovcnt, {zone_id, num_blocks});
}

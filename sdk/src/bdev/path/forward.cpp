// SPDX-License-Identifier: BSD-3-Clause
// Forwarding: the same bdev_io moves on to the base, and a frame saves the layer that it leaves.
#define BDK_LOG_COMPONENT "bdev"
#include <bdevkit/bdev.h>
#include <bdevkit/log.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/strict.hpp"
#include "bdev/model/bdev.hpp"
#include "bdev/model/desc.hpp"
#include "bdev/model/io_pool.hpp"
#include "bdev/path/complete.hpp"
#include "bdev/path/dispatch.hpp"
#include "bdev/path/enter.hpp"
#include "bdev/path/fast_path.hpp"
#include "bdev/path/fill.hpp"
#include "bdev/path/io_buf.hpp"
#include "bdev/path/parent.hpp"
#include "bdev/path/ref_tags.hpp"
#include "bdev/path/shift.hpp"
#include "bdev/path/validate.hpp"
#include "log/violation.hpp"
#include "thread/io_channel.hpp"

namespace bdk {

namespace {

using Opts = bdk_bdev_io_forward_opts;

/// @return 0, or -EINVAL or -E2BIG (logged) for options that this host does not know.
int check_opts(const Opts* opts) {
    if (opts == nullptr) return 0;
    if (int rc = check_size(opts, "bdk_bdev_io_forward_opts", 24); rc != 0) return rc;
    return check_bits("bdk_bdev_io_forward_opts.reserved", opts->reserved, 0);
}

void push_frame(BdevIo* io, BdevChannel* base, int64_t delta, void (*done)(bdk_bdev_io*, bool),
                const bdk_thread* thread) {
    uint64_t now = thread->turn_ticks;
    void* driver_ctx = io->pub.driver_ctx;
    bool has_rest = driver_ctx != nullptr || done != nullptr || delta != 0 || now != io->submit_ticks;
    if (has_rest) io->rests[io->depth] = {driver_ctx, done, delta, io->submit_ticks};
    io->frames[io->depth++] = IoFrame(io->ch, has_rest);
    io->submit_ticks = now;
    io->ch = base;
}

/// Passes the results of the base on to the I/O that the stand-in continued: a position, or buffers.
void take_results(BdevIo* io, BdevIo* stand_in) {
    if (io->stand_in_delta != 0) io_shift_result(stand_in, io->stand_in_delta);
    const bdk_bdev_io_block_params& from = stand_in->pub.u.bdev;
    bdk_bdev_io_block_params& to = io->pub.u.bdev;
    switch (io->pub.type) {
        case BDK_BDEV_IO_TYPE_SEEK_DATA:
        case BDK_BDEV_IO_TYPE_SEEK_HOLE:
            to.seek_offset = from.seek_offset;
            break;
        case BDK_BDEV_IO_TYPE_ZONE_APPEND:
            to.offset_blocks = from.offset_blocks;
            break;
        case BDK_BDEV_IO_TYPE_GET_ZONE_INFO:
            io->pub.u.zone_mgmt.num_filled = stand_in->pub.u.zone_mgmt.num_filled;
            break;
        case BDK_BDEV_IO_TYPE_READ:
        case BDK_BDEV_IO_TYPE_ZCOPY:
            if (from.iovs != &stand_in->iov) break;  // the data are in the submitter's buffers
            io->iov = stand_in->iov;
            to.iovs = &io->iov;
            to.iovcnt = 1;
            if (stand_in->own_buf == nullptr) break;
            io->own_buf = std::exchange(stand_in->own_buf, nullptr);
            io->own_buf_len = stand_in->own_buf_len;
            break;
        default:
            break;
    }
}

void stand_in_ended(bdk_bdev_io* stand_in_pub, bool, void* arg) {
    BdevIo* stand_in = BdevIo::of(stand_in_pub);
    auto* io = static_cast<BdevIo*>(arg);
    auto done = io->stand_in_done;
    io->stand_in = nullptr;
    take_results(io, stand_in);
    io->status = stand_in->status;
    stand_in->stands_for = nullptr;
    free_core_io(stand_in);
    io->state = IoState::in_module;
    if (done != nullptr)
        done(&io->pub, io->succeeded());
    else
        io_complete_from_core(io, io->status);
}

/// Continues with a second bdev_io, whose first layer is the base. The I/O itself waits.
void forward_in_stand_in(BdevIo* io, BdevChannel* base, int64_t delta, void (*done)(bdk_bdev_io*, bool)) {
    BdevIo* stand_in = base->pool->take_or_reserve();
    if (stand_in == nullptr) return io_complete_from_core(io, BDK_BDEV_IO_STATUS_NOMEM);
    io_fill(stand_in, io->pub.type, base, stand_in_ended, io, current_thread()->turn_ticks);
    stand_in->pub.u = io->pub.u;
    stand_in->abort_generation = io->abort_generation;
    io->stand_in = stand_in;
    stand_in->stands_for = io;
    io->stand_in_done = done;
    io->stand_in_delta = delta;
    if (delta != 0) io_shift_range(stand_in, delta);
    io_enter(stand_in);
}

void forward(BdevIo* io, bdk_bdev_desc* desc, bdk_io_channel* ch, const Opts* opts, AbiCall call) {
    if (!on_submitters_thread(io, call)) return;
    if (io->state != IoState::in_submit && io->state != IoState::in_module) [[unlikely]] {
        report_violation({.rule = 0,
                          .what = "a bdev_io that the module does not own was forwarded",
                          .object = bdk_bdev_io_type_name(io->pub.type),
                          .advice = "forward or complete each bdev_io once",
                          .return_address = call.caller});
        return;
    }
    bool in_submit = io->state == IoState::in_submit;
    BdevChannel* base = nullptr;
    int rc = check_opts(opts);
    const int64_t delta = rc == 0 && opts != nullptr ? opts->offset_delta : 0;
    auto done = rc == 0 && opts != nullptr ? opts->done : nullptr;
    if (rc == 0) rc = validate_channel(desc, ch, &base, call);
    if (rc == 0) {
        if (delta != 0) io_shift_range(io, delta);
        rc = validate_io(base, io);
        if (rc != 0 && delta != 0) io_shift_range(io, -delta);
    }
    if (rc != 0) [[unlikely]] {
        BDK_DEBUGLOG("forwarding a %s to '%s' is refused: %s", bdk_bdev_io_type_name(io->pub.type),
                     desc->bdev->name.c_str(), strerrordesc_np(-rc));
        io_complete_from_core(io, rc == -ENOTSUP ? status_from_nvme(0, 0, 1) : status_from_errno(rc));
        return;
    }
    if (delta != 0 && !io_fit_ref_tags(io, delta)) [[unlikely]] {
        io_shift_range(io, -delta);
        io_complete_from_core(io, io->status);
        return;
    }
    if (io->depth == max_io_frames) [[unlikely]] {
        if (delta != 0) io_shift_range(io, -delta);
        io->state = IoState::core;
        forward_in_stand_in(io, base, delta, done);
        return;
    }
    push_frame(io, base, delta, done, current_thread());
    io_enter_forwarded(io, in_submit);
}

/// The fast path of a layer that saves only its channel. It calls no function, so the layer costs only the
/// code below. False if the layer needs more.
inline bool forward_fast(BdevIo* io, const bdk_bdev_desc* desc, bdk_io_channel* ch) {
    bdk_thread* thread = current_thread();
    bool bare = io->state == IoState::in_submit && io->depth < max_io_frames && thread != nullptr &&
                io->pub.driver_ctx == nullptr && io->submit_ticks == thread->turn_ticks;
    if (!bare) return false;
    const bdk_bdev_io_block_params& params = io->pub.u.bdev;
    BdevChannel* base = fast_channel(thread, desc, ch, io->pub.type, params.offset_blocks, params.num_blocks);
    if (base == nullptr || base->ctx_size != 0) return false;
    io->frames[io->depth++] = IoFrame(io->ch, false);
    io->ch = base;
    io->pub.bdev = base->bdev->pub;
    base->io_outstanding++;
    io->state = IoState::forwarded;  // io_dispatch() continues with it
    return true;
}

/// The fast path of any other layer. False if the I/O cannot take it.
bool forward_with_rest(BdevIo* io, const bdk_bdev_desc* desc, bdk_io_channel* ch) {
    bool in_submit = io->state == IoState::in_submit;
    bool owned = in_submit || io->state == IoState::in_module;
    if (!owned || io->depth == max_io_frames) [[unlikely]]
        return false;
    const bdk_bdev_io_block_params& params = io->pub.u.bdev;
    bdk_thread* thread = current_thread();
    BdevChannel* base = fast_channel(thread, desc, ch, io->pub.type, params.offset_blocks, params.num_blocks);
    if (base == nullptr) return false;
    push_frame(io, base, 0, nullptr, thread);
    if (!io_count_in(io)) [[unlikely]]
        io_complete_from_core(io, BDK_BDEV_IO_STATUS_NOMEM);
    else if (in_submit)
        io->state = IoState::forwarded;  // io_dispatch() continues with it
    else
        io_dispatch(io, thread);
    return true;
}

[[gnu::noinline]] void forward_slow(BdevIo* io, bdk_bdev_desc* desc, bdk_io_channel* ch, AbiCall call) {
    bool done = io->pool->thread == current_thread() && forward_with_rest(io, desc, ch);
    if (!done) forward(io, desc, ch, nullptr, call);
}

}  // namespace

}  // namespace bdk

void bdk_bdev_io_forward(bdk_bdev_io* io, bdk_bdev_desc* base_desc, bdk_io_channel* base_ch) {
    if (bdk::forward_fast(bdk::BdevIo::of(io), base_desc, base_ch)) [[likely]]
        return;
    bdk::forward_slow(bdk::BdevIo::of(io), base_desc, base_ch, BDK_ABI_CALL);
}

void bdk_bdev_io_forward_ext(bdk_bdev_io* io, bdk_bdev_desc* base_desc, bdk_io_channel* base_ch,
                             const bdk_bdev_io_forward_opts* opts) {
    bdk::forward(bdk::BdevIo::of(io), base_desc, base_ch, opts, BDK_ABI_CALL);
}

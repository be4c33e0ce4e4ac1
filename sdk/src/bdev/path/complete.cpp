// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/path/complete.hpp"

#include <bdevkit/bdev.h>

#include "bdev/model/bdev.hpp"
#include "bdev/model/channel.hpp"
#include "bdev/model/io_pool.hpp"
#include "bdev/model/status.hpp"
#include "bdev/path/finish.hpp"
#include "bdev/path/io_buf.hpp"
#include "bdev/path/nomem.hpp"
#include "log/violation.hpp"
#include "thread/post.hpp"

namespace bdk {

namespace {

void redirect_completion(BdevIo* io, IoStatus status, const void* caller) {
    bdk_thread* owner = io->pool->thread;
    report_violation({.rule = 3,
                      .what = "a bdev_io was completed on another thread than the one that submitted it",
                      .object = bdk_bdev_io_type_name(io->pub.type),
                      .owner = owner,
                      .advice = "send a message to bdk_bdev_io_get_thread(io) and complete it there",
                      .return_address = caller});
    uint32_t generation = io->generation;
    post(owner, [=] {
        if (io->generation == generation) io_complete(io, status, caller);
    });
}

void report_wrong_state(const BdevIo* io, const void* caller) {
    bool freed = io->state == IoState::free;
    bool core = io->state == IoState::core || io->state == IoState::forwarded;
    report_violation(
        {.rule = 0,
         .what = freed  ? "a freed bdev_io was completed"
                 : core ? "a bdev_io that the module no longer owns was completed"
                        : "a bdev_io was completed twice",
         .object = bdk_bdev_io_type_name(io->pub.type),
         .advice = "complete each bdev_io once, and do not touch it after that or after forwarding it",
         .return_address = caller});
}

}  // namespace

void io_complete(BdevIo* io, IoStatus status, const void* caller) {
    bdk_thread* thread = current_thread();
    if (thread != io->pool->thread) [[unlikely]] {
        redirect_completion(io, status, caller);
        return;
    }
    if (io->state != IoState::in_submit && io->state != IoState::in_module) [[unlikely]] {
        report_wrong_state(io, caller);
        return;
    }
    if (status.code == BDK_BDEV_IO_STATUS_NOMEM) [[unlikely]] {
        channel_queue_nomem(io);
        return;
    }
    io->status = status;
    if (io->state == IoState::in_submit) {
        // The submitter's callback must not run before its call has returned.
        io->state = IoState::completed;
        io->deferred.run = [](Deferred* node) { io_finish(BdevIo::of(node)); };
        thread->deferred.push(&io->deferred);
        return;
    }
    io->state = IoState::completed;
    io_finish(io);
}

void io_complete_from_core(BdevIo* io, IoStatus status) {
    io->status = status;
    io->state = IoState::completed;
    io->deferred.run = [](Deferred* node) { io_finish(BdevIo::of(node)); };
    current_thread()->deferred.push(&io->deferred);
}

namespace {

/// True for a layer that needs only its counters updated, if the layer above has saved only its channel.
inline bool finishes_fast(const BdevIo* io, const BdevChannel* ch, uint32_t depth) {
    return (ch->flags | ch->ctx_size) == 0 && (depth == 0 || !io->frames[depth - 1].has_rest());
}

/// Like io_finish() for a success, through all layers for which finishes_fast() is true. Returns true if
/// these are all layers; then the callback has run. Channel and depth stay in registers, because through
/// memory each layer would wait for the stores of the one below.
inline bool finish_fast(BdevIo* io, bdk_thread* thread) {
    uint32_t type = io->pub.type;
    if (type == BDK_BDEV_IO_TYPE_ZCOPY || thread->complete_depth >= max_complete_depth) [[unlikely]]
        return false;
    uint64_t blocks = io->pub.u.bdev.num_blocks;
    uint64_t latency = thread->turn_ticks - io->submit_ticks;  // the same for each of these layers
    BdevChannel* ch = io->ch;
    uint32_t depth = io->depth;
    while (finishes_fast(io, ch, depth))
        [[likely]] {
            ch->stat.by_type[type].count(blocks, latency);
            ch->io_outstanding--;
            if (depth == 0) {
                if (io->depth != 0) {
                    io->ch = ch;
                    io->depth = 0;
                    io->pub.bdev = ch->bdev->pub;
                }
                thread->complete_depth++;
                io->cb(&io->pub, true, io->cb_arg);
                thread->complete_depth--;
                return true;
            }
            ch = io->frames[--depth].ch();
        }
    io->ch = ch;
    io->depth = static_cast<uint8_t>(depth);
    return false;
}

[[gnu::noinline, gnu::cold]] void complete_slow(BdevIo* io, int32_t status, const void* caller) {
    // A status whose detail is missing says only "failed".
    bool lacks_detail = status == BDK_BDEV_IO_STATUS_PENDING || status == BDK_BDEV_IO_STATUS_NVME_ERROR ||
                        status == BDK_BDEV_IO_STATUS_SCSI_ERROR || status == BDK_BDEV_IO_STATUS_AIO_ERROR;
    IoStatus full;
    full.code = lacks_detail ? BDK_BDEV_IO_STATUS_FAILED : status;
    io_complete(io, full, caller);
}

/// A function of its own, so that bdk_bdev_free_io() needs no registers for the buffer.
[[gnu::noinline]] void free_with_buffer(BdevIo* io) {
    release_own_buf(io);
    io->pool->give_back(io);
}

/// Reports that a bdev_io was freed before it completed, or twice.
[[gnu::noinline, gnu::cold]] void report_wrong_free(const BdevIo* io, const void* caller) {
    report_violation({.rule = 0,
                      .what = io->state == IoState::free ? "a bdev_io was freed twice"
                                                         : "a bdev_io was freed before its callback",
                      .object = bdk_bdev_io_type_name(io->pub.type),
                      .advice = "call bdk_bdev_free_io() once, in the completion callback or after it",
                      .return_address = caller});
}

}  // namespace

}  // namespace bdk

using bdk::BdevIo;
using bdk::IoStatus;

void bdk_bdev_io_complete(bdk_bdev_io* pub, int32_t status) {
    BdevIo* io = BdevIo::of(pub);
    bdk_thread* thread = bdk::current_thread();
    bool usual = status == BDK_BDEV_IO_STATUS_SUCCESS && io->state == bdk::IoState::in_module &&
                 thread == io->pool->thread;
    if (!usual) [[unlikely]]
        return bdk::complete_slow(io, status, __builtin_return_address(0));
    io->status = IoStatus{.code = BDK_BDEV_IO_STATUS_SUCCESS};
    io->state = bdk::IoState::completed;
    if (!bdk::finish_fast(io, thread)) bdk::io_finish(io);
}

void bdk_bdev_io_complete_nvme_status(bdk_bdev_io* io, uint32_t cdw0, uint32_t sct, uint32_t sc) {
    bdk::io_complete(BdevIo::of(io), bdk::status_from_nvme(cdw0, sct, sc), __builtin_return_address(0));
}

void bdk_bdev_io_complete_scsi_status(bdk_bdev_io* io, uint32_t sc, uint32_t sk, uint32_t asc,
                                      uint32_t ascq) {
    bdk::io_complete(BdevIo::of(io), bdk::status_from_scsi(sc, sk, asc, ascq), __builtin_return_address(0));
}

void bdk_bdev_io_complete_aio_status(bdk_bdev_io* io, int32_t aio_errno) {
    bdk::io_complete(BdevIo::of(io), bdk::status_from_errno(aio_errno), __builtin_return_address(0));
}

void bdk_bdev_io_complete_remote(bdk_bdev_io* pub, int32_t aio_errno) {
    BdevIo* io = BdevIo::of(pub);
    if (bdk::current_thread() == io->pool->thread) return bdk_bdev_io_complete_aio_status(pub, aio_errno);
    // The module has the I/O, so nobody else looks at its status until the message has arrived.
    io->status = bdk::status_from_errno(aio_errno);
    const auto arrived = [](void* ctx) {
        auto* arrived_io = static_cast<BdevIo*>(ctx);
        bdk::io_complete(arrived_io, arrived_io->status, nullptr);
    };
    bdk::send_always(io->pool->thread, arrived, io);
}

void bdk_bdev_io_complete_base_io_status(bdk_bdev_io* io, const bdk_bdev_io* base_io) {
    bdk::io_complete(BdevIo::of(io), BdevIo::of(base_io)->status, __builtin_return_address(0));
}

void bdk_bdev_free_io(bdk_bdev_io* pub) {
    bdk::BdevIo* io = bdk::BdevIo::of(pub);
    if (io->state != bdk::IoState::completed) [[unlikely]] {
        bdk::report_wrong_free(io, __builtin_return_address(0));
        return;
    }
    if (!bdk::on_submitters_thread(io, BDK_ABI_CALL)) [[unlikely]]
        return;
    if (io->own_buf != nullptr) [[unlikely]]
        return bdk::free_with_buffer(io);
    io->pool->give_back(io);
}

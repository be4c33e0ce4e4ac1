// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/path/io_path.hpp"

#include <bdevkit/zone.h>

#include <cstdlib>

#include "bdev/model/bdev.hpp"
#include "bdev/model/io_pool.hpp"
#include "bdev/path/ref_tags.hpp"
#include "bdev/path/validate.hpp"
#include "bdev/steps/hidden_md.hpp"
#include "thread/io_channel.hpp"

namespace bdk {

namespace {

constexpr uint64_t no_offset = UINT64_MAX;  // of a seek that has found nothing

constexpr uint32_t ctx_bytes(uint32_t ctx_size) {
    return ctx_header_bytes + ((ctx_size + 15) & ~15u);
}

void give_back_ctx(BdevIo* io, BdevChannel* ch) {
    if (io->pub.driver_ctx == nullptr) return;
    std::byte* memory = static_cast<std::byte*>(io->pub.driver_ctx) - ctx_header_bytes;
    if (memory >= io->ctx && memory < io->ctx + inline_ctx_bytes) {
        io->ctx_used = static_cast<uint16_t>(memory - io->ctx);
    } else {
        *reinterpret_cast<void**>(memory) = ch->free_ctx;
        ch->free_ctx = memory;
    }
}

/// What borrows data counts as a read, what gives data back as a write.
[[gnu::noinline, gnu::cold]] uint32_t zcopy_counts_as(const BdevIo* io) {
    if ((io->pub.u.bdev.flags & BDK_BDEV_IO_ZCOPY_POPULATE) != 0) return BDK_BDEV_IO_TYPE_READ;
    if ((io->pub.u.bdev.flags & BDK_BDEV_IO_ZCOPY_COMMIT) != 0) return BDK_BDEV_IO_TYPE_WRITE;
    return BDK_BDEV_IO_TYPE_ZCOPY;
}

inline void count(BdevChannel* ch, const BdevIo* io, const bdk_thread* thread) {
    if (io->succeeded()) [[likely]] {
        uint32_t type = io->pub.type;
        if (type == BDK_BDEV_IO_TYPE_ZCOPY) [[unlikely]]
            type = zcopy_counts_as(io);
        ch->stat.by_type[type].count(io->pub.u.bdev.num_blocks, thread->turn_ticks - io->submit_ticks);
    } else {
        ch->stat.count_error(io->status.code);
    }
}

/// count() on a channel that has flags: but for the core's own I/Os. False if the I/O does not leave the
/// layer yet.
[[gnu::noinline, gnu::cold]] bool count_on_unusual(BdevChannel* ch, BdevIo* io, const bdk_thread* thread) {
    if (io->pub.type == BDK_BDEV_IO_TYPE_RESET && reset_leave(io)) return false;
    if (!io->is_child_here()) count(ch, io, thread);
    return true;
}

void run_callback(BdevIo* io) {
    io->cb(&io->pub, io->succeeded(), io->cb_arg);
}

}  // namespace

// The word before the context leads back to the I/O.
bool io_take_ctx(BdevIo* io) {
    BdevChannel* ch = io->ch;
    uint32_t bytes = ctx_bytes(ch->ctx_size);
    std::byte* memory = nullptr;
    if (io->ctx_used + bytes <= inline_ctx_bytes) {
        memory = io->ctx + io->ctx_used;
        io->ctx_used = static_cast<uint16_t>(io->ctx_used + bytes);
    } else if (ch->free_ctx != nullptr) {
        memory = static_cast<std::byte*>(ch->free_ctx);
        ch->free_ctx = *reinterpret_cast<void**>(memory);
    } else {
        memory = static_cast<std::byte*>(std::aligned_alloc(64, (bytes + 63) & ~63u));
        if (memory == nullptr) return false;
    }
    *reinterpret_cast<BdevIo**>(memory) = io;
    io->pub.driver_ctx = memory + ctx_header_bytes;
    return true;
}

void io_finish(BdevIo* io) {
    bdk_thread* thread = current_thread();
    for (;;) {
        BdevChannel* ch = io->ch;
        if (ch->flags == 0) [[likely]]
            count(ch, io, thread);
        else if (!count_on_unusual(ch, io, thread))
            return;
        if (ch->ctx_size != 0) give_back_ctx(io, ch);
        ch->io_outstanding--;
        if (ch->flags != 0) [[unlikely]]
            channel_io_done(ch, io);
        if (io->depth == 0) break;

        IoFrame frame = io->frames[--io->depth];
        io->ch = frame.ch();
        if (!frame.has_rest()) {
            io->pub.driver_ctx = nullptr;
            continue;
        }
        const IoFrameRest& rest = io->rests[io->depth];
        io->pub.driver_ctx = rest.driver_ctx;
        io->submit_ticks = rest.submit_ticks;
        if (rest.offset_delta != 0) io_shift_result(io, rest.offset_delta);
        if (rest.done != nullptr) {
            io->pub.bdev = io->ch->bdev->pub;
            io->state = IoState::in_module;
            rest.done(&io->pub, io->succeeded());
            return;
        }
    }
    io->pub.bdev = io->ch->bdev->pub;
    if (thread->complete_depth >= max_complete_depth) [[unlikely]] {
        io->deferred.run = [](Deferred* node) { run_callback(BdevIo::of(node)); };
        thread->deferred.push(&io->deferred);
        return;
    }
    thread->complete_depth++;
    run_callback(io);
    thread->complete_depth--;
}

void io_shift_range(BdevIo* io, int64_t delta) {
    auto shift = static_cast<uint64_t>(delta);
    switch (io->pub.type) {
        case BDK_BDEV_IO_TYPE_GET_ZONE_INFO:
        case BDK_BDEV_IO_TYPE_ZONE_MANAGEMENT:
            io->pub.u.zone_mgmt.zone_id += shift;
            break;
        case BDK_BDEV_IO_TYPE_RESET:
        case BDK_BDEV_IO_TYPE_ABORT:
        case BDK_BDEV_IO_TYPE_NVME_ADMIN:
        case BDK_BDEV_IO_TYPE_NVME_IO:
        case BDK_BDEV_IO_TYPE_NVME_IO_MD:
        case BDK_BDEV_IO_TYPE_NVME_IOV_MD:
            break;
        case BDK_BDEV_IO_TYPE_SEEK_DATA:
        case BDK_BDEV_IO_TYPE_SEEK_HOLE:
            if (io->pub.u.bdev.seek_offset != no_offset) io->pub.u.bdev.seek_offset += shift;
            io->pub.u.bdev.offset_blocks += shift;
            break;
        case BDK_BDEV_IO_TYPE_COPY:
            io->pub.u.bdev.src_offset_blocks += shift;
            [[fallthrough]];
        default:
            io->pub.u.bdev.offset_blocks += shift;
    }
}

void io_shift_result(BdevIo* io, int64_t delta) {
    io_shift_range(io, -delta);
    io_restore_ref_tags(io, delta);
    if (io->pub.type != BDK_BDEV_IO_TYPE_GET_ZONE_INFO || !io->succeeded()) return;
    const bdk_bdev_io_zone_mgmt_params& params = io->pub.u.zone_mgmt;
    for (uint32_t i = 0; i < params.num_zones; i++) {
        params.buf[i].zone_id -= static_cast<uint64_t>(delta);
        params.buf[i].write_pointer -= static_cast<uint64_t>(delta);
    }
}

void io_dispatch_later(BdevIo* io) {
    io->state = IoState::core;
    io->deferred.run = [](Deferred* node) { io_dispatch(BdevIo::of(node)); };
    current_thread()->deferred.push(&io->deferred);
}

namespace {

/// As io_count_in(). False if the I/O cannot go to the module straight away.
bool enter_layer(BdevIo* io) {
    BdevChannel* ch = io->ch;
    if (!io_count_in(io)) [[unlikely]]
        return false;
    return (ch->flags | (ch->bdev->core_types & BDK_BDEV_IO_TYPE_BIT(io->pub.type))) == 0;
}

/// The layer's slow way in. @return 0, or the errno with which the I/O is refused.
int enter_core(BdevIo* io) {
    io->state = IoState::core;
    if (io->ch->ctx_size != 0 && io->pub.driver_ctx == nullptr)
        io_complete_from_core(io, BDK_BDEV_IO_STATUS_NOMEM);
    else if (int rc = validate_limits(io->ch->bdev, io); rc != 0)
        return rc;
    else if (rc = validate_hidden_md(io); rc != 0)
        return rc;
    else
        io_core_start(io);
    return 0;
}

/// As enter_core(), for an I/O that cannot be refused any more.
[[gnu::noinline, gnu::cold]] void enter_core_or_fail(BdevIo* io) {
    if (int rc = enter_core(io); rc != 0) io_complete_from_core(io, status_from_errno(rc));
}

}  // namespace

int io_submit(BdevIo* io) {
    if (enter_layer(io)) [[likely]] {
        io_dispatch(io);
        return 0;
    }
    int rc = enter_core(io);
    if (rc == 0) return 0;
    if (io->ch->ctx_size != 0) give_back_ctx(io, io->ch);
    io->ch->io_outstanding--;
    io->pool->give_back(io);
    return rc;
}

void io_enter(BdevIo* io) {
    if (enter_layer(io)) return io_dispatch(io);
    enter_core_or_fail(io);
}

void io_enter_forwarded(BdevIo* io, bool in_submit) {
    if (!enter_layer(io)) [[unlikely]]
        return enter_core_or_fail(io);
    if (in_submit)
        io->state = IoState::forwarded;  // io_dispatch() goes on with it
    else
        io_dispatch(io);
}

void io_hold(BdevIo* io, BdevChannel* ch) {
    io->ch = ch;
    io->pub.bdev = ch->bdev->pub;
    io->pub.driver_ctx = nullptr;
    io->submit_ticks = current_thread()->turn_ticks;
    io->state = IoState::core;
    ch->io_outstanding++;
    ch->core_held++;
}

void io_complete_from_core(BdevIo* io, IoStatus status) {
    io->status = status;
    io->state = IoState::completed;
    io->deferred.run = [](Deferred* node) { io_finish(BdevIo::of(node)); };
    current_thread()->deferred.push(&io->deferred);
}

}  // namespace bdk

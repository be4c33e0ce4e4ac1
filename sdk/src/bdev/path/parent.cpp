// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/path/parent.hpp"

#include <cstring>
#include <new>
#include <utility>

#include "bdev/model/bdev.hpp"
#include "bdev/model/channel.hpp"
#include "bdev/model/core_hooks.hpp"
#include "bdev/model/io_pool.hpp"
#include "bdev/model/io_type.hpp"
#include "bdev/path/complete.hpp"
#include "bdev/path/enter.hpp"
#include "bdev/path/fill.hpp"
#include "bdev/path/io_buf.hpp"
#include "thread/post.hpp"

namespace bdk {

namespace {

// After this many children, a parent lets the thread's other work have its turn.
constexpr uint32_t max_children_per_turn = 64;
constexpr uint32_t max_children = 32;

IoStatus status_of(int32_t code) {
    IoStatus status;
    status.code = code;
    return status;
}

void link_child(BdevIo* parent, BdevIo* child) {
    ParentWork& work = parent->work;
    child->part.parent = parent;
    child->part.previous = work.newest;
    child->part.next = nullptr;
    child->part.abort_sent = false;
    (work.newest == nullptr ? work.oldest : work.newest->part.next) = child;
    work.newest = child;
    work.children++;
    BdevChannel* ch = parent->ch;
    if (ch->children++ == 0) ch->flags |= channel_children;
}

void unlink_child(BdevIo* parent, BdevIo* child) {
    ParentWork& work = parent->work;
    ChildPart& part = child->part;
    (part.previous == nullptr ? work.oldest : part.previous->part.next) = part.next;
    (part.next == nullptr ? work.newest : part.next->part.previous) = part.previous;
    part.parent = nullptr;
    work.children--;
    BdevChannel* ch = parent->ch;
    if (--ch->children == 0) ch->flags &= ~static_cast<uint32_t>(channel_children);
}

void run_step(BdevIo* parent) {
    ParentWork& work = parent->work;
    if (work.waiting) return;
    if (work.status.code == BDK_BDEV_IO_STATUS_SUCCESS)
        work.step(parent);
    else if (work.children == 0)
        parent_finish(parent);
}

void child_ended(bdk_bdev_io* child_pub, bool success, void* arg) {
    BdevIo* child = BdevIo::of(child_pub);
    auto* parent = static_cast<BdevIo*>(arg);
    ParentWork& work = parent->work;
    unlink_child(parent, child);
    if (success && work.ended != nullptr) work.ended(parent, child);
    bool first_failure = work.status.code == BDK_BDEV_IO_STATUS_SUCCESS && !work.ignores_errors;
    if (!success && first_failure) work.status = child->status;
    // The parent gets the bdev_io before other waiting I/Os. The sooner it ends, the sooner its own is free.
    IoPool* pool = child->pool;
    if (child->own_buf != nullptr) release_own_buf(child);
    pool->put(child);
    run_step(parent);
    pool->given_back();
}

/// Postpones the parent to the next turn of the thread if its share of this turn is used up. @return false if
/// the parent may continue now
bool yield(BdevIo* parent) {
    ParentWork& work = parent->work;
    bdk_thread* thread = current_thread();
    if (work.turn_ticks != thread->turn_ticks) {
        work.turn_ticks = thread->turn_ticks;
        work.turn_children = 0;
    }
    if (work.turn_children++ < max_children_per_turn) return false;
    work.waiting = true;
    work.turn_ticks = 0;
    send_always(
        thread, [](void* held) { parent_resume(static_cast<BdevIo*>(held)); }, parent);
    return true;
}

void buffer_ready(BdevIo* parent, IoBuffer buffer) {
    if (buffer.memory == nullptr) {
        parent->work.waiting = false;
        return parent_fail(parent, status_of(BDK_BDEV_IO_STATUS_NOMEM));
    }
    parent->work.buf = buffer.memory;
    parent->work.buf_bytes = buffer.bytes;
    parent_resume(parent);
}

void finish_unlocked(BdevIo* parent) {
    parent->ch->core_held--;
    io_complete_from_core(parent, parent->work.status);
}

}  // namespace

uint32_t children_at_once(const BdevIo* io) {
    const bool to_zone = (io->ch->bdev->flags & BDK_BDEV_ZONED) != 0;
    return to_zone && io_type(io->pub.type).changes == Changes::its_blocks ? 1 : max_children;
}

void parent_begin(BdevIo* io, void (*step)(BdevIo*), void (*ended)(BdevIo*, BdevIo*)) {
    io->state = IoState::core;
    io->work = ParentWork();
    io->work.step = step;
    io->work.ended = ended;
    io->work.status.code = BDK_BDEV_IO_STATUS_SUCCESS;
    io->ch->core_held++;
    step(io);
}

void parent_finish(BdevIo* io) {
    ParentWork& work = io->work;
    work.step = nullptr;
    if (work.buf != nullptr) give_back_buffer(io->pool, {std::exchange(work.buf, nullptr), work.buf_bytes});
    if (work.locked)
        core_hooks.unlock_range(io, finish_unlocked);
    else
        finish_unlocked(io);
}

void parent_fail(BdevIo* io, IoStatus status) {
    ParentWork& work = io->work;
    if (work.status.code == BDK_BDEV_IO_STATUS_SUCCESS) work.status = status;
    if (work.children == 0 && !work.waiting) parent_finish(io);
}

void parent_resume(BdevIo* io) {
    io->work.waiting = false;
    run_step(io);
}

BdevIo* parent_make_child(BdevIo* parent, uint32_t type) {
    if (yield(parent)) return nullptr;
    BdevIo* child = parent->pool->take();
    if (child == nullptr && parent->work.children == 0) {
        child = parent->pool->take_from_reserve();
        if (child == nullptr) parent_fail(parent, status_of(BDK_BDEV_IO_STATUS_NOMEM));
    }
    if (child == nullptr) return nullptr;
    io_fill(child, type, parent->ch, child_ended, parent, current_thread()->turn_ticks);
    child->pub.u.bdev = parent->pub.u.bdev;
    link_child(parent, child);
    return child;
}

bool child_make_room(BdevIo* child, size_t count) noexcept {
    try {
        child->part.iovs.reserve(count);
        return true;
    } catch (const std::bad_alloc&) {
        BdevIo* parent = child->part.parent;
        unlink_child(parent, child);
        IoPool* pool = child->pool;
        pool->put(child);
        parent_fail(parent, status_of(BDK_BDEV_IO_STATUS_NOMEM));
        pool->given_back();
        return false;
    }
}

void child_start(BdevIo* child) {
    io_enter(child);
}

void parent_take_buffer(BdevIo* io, uint64_t bytes) {
    io->work.waiting = true;
    take_buffer(io, bytes, buffer_ready);
}

namespace {

bool cancel_wait(BdevIo* io) {
    if (!cancel_buffer_wait(io) && !core_hooks.cancel_lock_wait(io)) return false;
    io->work.waiting = false;
    return true;
}

}  // namespace

void parent_abort(BdevIo* io) {
    cancel_wait(io);
    parent_fail(io, status_of(BDK_BDEV_IO_STATUS_ABORTED));
}

bool parent_stop_waiting(BdevIo* io) {
    if (!cancel_wait(io)) return false;
    parent_fail(io, status_of(BDK_BDEV_IO_STATUS_ABORTED));
    return true;
}

void gather(void* to, const iovec* iovs, int32_t iovcnt) {
    auto* at = static_cast<std::byte*>(to);
    for (int32_t i = 0; i < iovcnt; i++) {
        if (iovs[i].iov_len == 0) continue;
        std::memcpy(at, iovs[i].iov_base, iovs[i].iov_len);
        at += iovs[i].iov_len;
    }
}

void scatter(const void* from, const iovec* iovs, int32_t iovcnt) {
    const auto* at = static_cast<const std::byte*>(from);
    for (int32_t i = 0; i < iovcnt; i++) {
        if (iovs[i].iov_len == 0) continue;
        std::memcpy(iovs[i].iov_base, at, iovs[i].iov_len);
        at += iovs[i].iov_len;
    }
}

}  // namespace bdk

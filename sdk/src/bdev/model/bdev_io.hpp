// SPDX-License-Identifier: BSD-3-Clause
// The core's view of a bdev_io.
//
// One bdev_io serves every layer that forwards it (bdk_bdev_io_forward): the layer above is saved in a frame,
// the I/O moves to the base's channel, and completion pops the frames. So a forwarding layer costs a frame
// and its counters, not a second bdev_io. What an I/O touches: two lines of the public part, two of the
// core's, and the frames and contexts in use.
#pragma once

#include <bdevkit/bdev_io.h>
#include <bdevkit/desc.h>
#include <bdevkit/memory.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "bdev/model/iov_cursor.hpp"
#include "bdev/model/status.hpp"
#include "thread/thread.hpp"

struct bdk_bdev_range;

namespace bdk {

struct BdevChannel;
struct BdevIo;
struct IoBuffer;
struct IoPool;

/// Where an I/O is. Completing is legal in the two states in which a module owns it.
enum class IoState : uint8_t {
    free,       ///< in the pool
    core,       ///< held by the core: queued, split, waiting for a reset
    in_submit,  ///< inside the module's submit_request
    forwarded,  ///< inside submit_request, and already moved to a base
    in_module,  ///< with the module
    completed,  ///< its callback is due, runs, or has run
};

/// A layer that the I/O has left for its base. A word, so that those of eight layers fit a cache line: what a
/// layer that changes nothing leaves behind is its channel; more stands in an IoFrameRest.
class IoFrame {
public:
    IoFrame() = default;
    IoFrame(BdevChannel* ch, bool has_rest) noexcept
        : bits_(reinterpret_cast<uintptr_t>(ch) | static_cast<uintptr_t>(has_rest)) {}

    BdevChannel* ch() const noexcept { return reinterpret_cast<BdevChannel*>(bits_ & ~uintptr_t{1}); }
    bool has_rest() const noexcept { return (bits_ & 1) != 0; }

private:
    uintptr_t bits_;
};

/// What a layer without it has in common with its base (the time), or has not (the rest).
struct IoFrameRest {
    void* driver_ctx;
    void (*done)(bdk_bdev_io*, bool);
    int64_t offset_delta;
    uint64_t submit_ticks;
};

/// Of an I/O of the core's own: the parent whose work it does. See parent.hpp.
struct ChildPart {
    BdevIo* parent = nullptr;  ///< nullptr: it is no child
    BdevIo* previous = nullptr;
    BdevIo* next = nullptr;   ///< the parent's child that was made after this one
    std::vector<iovec> iovs;  ///< of a child that needs several; keeps its memory for the next use
    bool from_reserve = false;
    bool abort_sent = false;
};

/// Of an I/O that the core works on and holds meanwhile. See parent.hpp.
struct ParentWork {
    void (*step)(BdevIo* io) = nullptr;  ///< goes on with it; nullptr: the core does not work on it
    void (*ended)(BdevIo* io, BdevIo* child) = nullptr;  ///< takes the result of a child that succeeded
    BdevIo* oldest = nullptr;
    BdevIo* newest = nullptr;
    uint32_t children = 0;        ///< in flight
    bool waiting = false;         ///< for a buffer, a lock or the next turn: step() is due then
    bool ignores_errors = false;  ///< of its children
    bool locked = false;          ///< its range is: see lock_range()
    bool waits_for_lock = false;  ///< and has done nothing yet
    IoStatus status;              ///< success so far, or the first failure
    uint64_t done = 0;            ///< blocks that children have been made for, or that they have done
    IovCursor data;               ///< where the next piece's data start
    uint32_t stage = 0;           ///< of work that goes through several
    uint32_t turn_children = 0;   ///< started in the turn of the thread that began at turn_ticks
    uint64_t turn_ticks = 0;
    void* buf = nullptr;
    uint64_t buf_bytes = 0;
};

/// Of an I/O that gets a buffer of iobuf, now or later.
struct BufferWait {
    bdk_iobuf_entry entry{};
    void (*ready)(BdevIo* io, IoBuffer buffer) = nullptr;  ///< nullptr: it does not wait
    uint64_t bytes = 0;
};

constexpr uint32_t max_io_frames = 8;       ///< forwards beyond this take a second bdev_io
constexpr uint32_t inline_ctx_bytes = 256;  ///< contexts beyond this come from the channel
constexpr uint32_t ctx_header_bytes = 16;   ///< before each driver_ctx: its bdev_io

struct alignas(64) BdevIo {
    bdk_bdev_io pub;  // 128 bytes

    // --- line 2: every I/O
    BdevChannel* ch;  ///< where it is now
    bdk_bdev_io_completion_cb cb;
    void* cb_arg;
    uint64_t submit_ticks;
    IoStatus status;
    IoState state;
    uint8_t depth;  ///< frames in use
    uint16_t ctx_used;
    Deferred deferred;  ///< also the link of the free list and of the core's queues, by turns

    // --- line 3
    iovec iov;                  ///< the one buffer of an I/O that came without an iovec array
    IoPool* pool;               ///< whose it is: the thread's
    uint32_t generation;        ///< counts uses, so that an abort does not hit the next one
    uint32_t abort_generation;  ///< of an abort: its target's
    void* own_buf;              ///< from bdk_bdev_io_get_buf(), given back with the I/O
    uint64_t own_buf_len;
    BdevIo* stand_in;  ///< that goes on for it at a base, when the frames were used up
    union {
        uint64_t aborts_left;                       ///< of an abort that has become several
        void (*stand_in_done)(bdk_bdev_io*, bool);  ///< see IoFrameRest
    };

    IoFrame frames[max_io_frames];
    IoFrameRest rests[max_io_frames];
    alignas(16) std::byte ctx[inline_ctx_bytes];

    // --- last lines: only what the core works on
    ChildPart part;
    ParentWork work;
    BufferWait buffer_wait;
    bdk_bdev_io_get_buf_cb get_buf_cb;  ///< of a module's read that waits for its buffer
    int64_t stand_in_delta;
    BdevIo* stands_for = nullptr;      ///< of a stand-in
    bdk_bdev_range* ranges = nullptr;  ///< the blocks that it has at its layers: see write_guard.hpp

    static BdevIo* of(bdk_bdev_io* io) noexcept { return reinterpret_cast<BdevIo*>(io); }
    static const BdevIo* of(const bdk_bdev_io* io) noexcept { return reinterpret_cast<const BdevIo*>(io); }
    static BdevIo* of(Deferred* node) noexcept {
        return reinterpret_cast<BdevIo*>(reinterpret_cast<std::byte*>(node) - offset_of_deferred());
    }
    static constexpr size_t offset_of_deferred() noexcept;

    bool succeeded() const noexcept { return status.code == BDK_BDEV_IO_STATUS_SUCCESS; }

    /// True while the core or a module has it.
    bool is_in_flight() const noexcept { return state == IoState::in_module || state == IoState::core; }

    /// True for an I/O of the core's own at the layer where its parent is. There it is not the user's: it is
    /// neither counted nor held back nor aborted by itself. At the layers below it is as any other.
    bool is_child_here() const noexcept { return part.parent != nullptr && depth == 0; }

    /// The channel it was submitted on, whatever layer it has reached.
    BdevChannel* origin() const noexcept { return depth == 0 ? ch : frames[0].ch(); }

    /// When it was submitted there, in ticks.
    uint64_t first_submit_ticks() const noexcept {
        for (uint32_t i = 0; i < depth; i++)
            if (frames[i].has_rest()) return rests[i].submit_ticks;
        return submit_ticks;
    }

    /// True when it is at `channel` or has been forwarded from there.
    bool passed(const BdevChannel* channel) const noexcept {
        for (uint32_t i = 0; i < depth; i++)
            if (frames[i].ch() == channel) return true;
        return ch == channel;
    }
};

constexpr size_t BdevIo::offset_of_deferred() noexcept {
    return offsetof(BdevIo, deferred);
}

static_assert(sizeof(bdk_bdev_io) == 128, "the public part is two cache lines");
static_assert(offsetof(BdevIo, iov) == 192, "what every I/O touches ends with the third line");
// An odd number of lines spreads the same line of many bdev_ios over all sets of a cache.
static_assert(sizeof(BdevIo) / 64 % 2 == 1, "bdev_ios would fall on few sets of the cache");
static_assert(std::is_standard_layout_v<BdevIo>);

/// First-in-first-out queue of I/Os that the core holds, linked through `deferred`.
class IoQueue {
public:
    bool empty() const noexcept { return head_ == nullptr; }

    void push(BdevIo* io) noexcept {
        io->deferred.next = nullptr;
        (head_ == nullptr ? head_ : tail_->next) = &io->deferred;
        tail_ = &io->deferred;
    }

    BdevIo* pop() noexcept {
        Deferred* node = head_;
        head_ = node->next;
        return BdevIo::of(node);
    }

    bool contains(const BdevIo* io) const noexcept {
        for (const Deferred* node = head_; node != nullptr; node = node->next)
            if (node == &io->deferred) return true;
        return false;
    }

    /// Takes out what pred(io) says.
    template <typename Pred>
    IoQueue take_if(Pred&& pred) {
        IoQueue kept, taken;
        while (!empty()) {
            BdevIo* io = pop();
            (pred(io) ? taken : kept).push(io);
        }
        *this = kept;
        return taken;
    }

private:
    Deferred* head_ = nullptr;
    Deferred* tail_ = nullptr;
};

}  // namespace bdk

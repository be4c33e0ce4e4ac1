// SPDX-License-Identifier: BSD-3-Clause
// The core's state of a bdev_io.
//
// One bdev_io serves every layer that forwards it (bdk_bdev_io_forward). A forward saves the layer above in a
// frame and moves the I/O to the base's channel; the completion pops the frames. So a forwarding layer costs
// a frame and its counters, not a second bdev_io. An I/O touches two cache lines of the public part, two of
// the core's part, and the frames and contexts in use.
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

/// The place of an I/O. A module may complete it in the two states in which the module owns it.
enum class IoState : uint8_t {
    free,       ///< in the pool
    core,       ///< held by the core: queued, split, waiting for a reset
    in_submit,  ///< inside the module's submit_request
    forwarded,  ///< inside submit_request, and already moved to a base
    in_module,  ///< with the module
    completed,  ///< its callback is due, runs, or has run
};

/// A layer that the I/O has left for its base. A frame is one word, so that the frames of eight layers fit a
/// cache line. The word is the layer's channel; if the layer has more to save, the rest is in an IoFrameRest.
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

/// The part of a frame that most layers do not need. Without it, a layer shares the submission time of its
/// base and has nothing else to save.
struct IoFrameRest {
    void* driver_ctx;
    void (*done)(bdk_bdev_io*, bool);
    int64_t offset_delta;
    uint64_t submit_ticks;
};

/// The part of a child, an I/O that the core has made to do its parent's work. See parent.hpp.
struct ChildPart {
    BdevIo* parent = nullptr;  ///< nullptr: not a child
    BdevIo* previous = nullptr;
    BdevIo* next = nullptr;   ///< the parent's next younger child
    std::vector<iovec> iovs;  ///< for a child that needs several; keeps its memory for the next use
    bool from_reserve = false;
    bool abort_sent = false;
};

/// The part of a parent, an I/O that the core holds and works on. See parent.hpp.
struct ParentWork {
    void (*step)(BdevIo* io) = nullptr;  ///< continues the work; nullptr: the core does not work on it
    void (*ended)(BdevIo* io, BdevIo* child) = nullptr;  ///< takes the result of a child that succeeded
    BdevIo* oldest = nullptr;
    BdevIo* newest = nullptr;
    uint32_t children = 0;        ///< in flight
    bool waiting = false;         ///< it waits for a buffer, a lock or the next turn, and then step() is due
    bool ignores_errors = false;  ///< errors of its children do not count
    bool locked = false;          ///< its range is locked: see lock_range()
    bool waits_for_lock = false;  ///< it waits for lock_range(), and has done nothing yet
    IoStatus status;              ///< success so far, or the first failure
    uint64_t done = 0;           ///< blocks that children have been made for, or that children have completed
    IovCursor data;              ///< where the data of the next piece start
    uint32_t stage = 0;          ///< of work in several stages
    uint32_t turn_children = 0;  ///< children started in the turn of the thread that began at turn_ticks
    uint64_t turn_ticks = 0;
    void* buf = nullptr;
    uint64_t buf_bytes = 0;
};

/// The wait of an I/O for a buffer of iobuf.
struct BufferWait {
    bdk_iobuf_entry entry{};
    void (*ready)(BdevIo* io, IoBuffer buffer) = nullptr;  ///< nullptr: it does not wait
    uint64_t bytes = 0;
};

constexpr uint32_t max_io_frames = 8;       ///< further forwards take a second bdev_io
constexpr uint32_t inline_ctx_bytes = 256;  ///< larger contexts come from the channel
constexpr uint32_t ctx_header_bytes = 16;   ///< before each driver_ctx; leads back to the bdev_io

struct alignas(64) BdevIo {
    bdk_bdev_io pub;  // 128 bytes

    // --- line 2: every I/O
    BdevChannel* ch;  ///< the channel that it is at
    bdk_bdev_io_completion_cb cb;
    void* cb_arg;
    uint64_t submit_ticks;
    IoStatus status;
    IoState state;
    uint8_t depth;  ///< frames in use
    uint16_t ctx_used;
    Deferred deferred;  ///< also links the free list and the core's queues: one at a time

    // --- line 3
    iovec iov;                  ///< the one buffer of an I/O that came without an iovec array
    IoPool* pool;               ///< the pool of its thread
    uint32_t generation;        ///< counts uses, so that an abort does not hit a later use
    uint32_t abort_generation;  ///< for an abort: its target's generation
    void* own_buf;              ///< from bdk_bdev_io_get_buf(); given back with the I/O
    uint64_t own_buf_len;
    BdevIo* stand_in;  ///< continues for it at a base when the frames are used up
    union {
        uint64_t aborts_left;  ///< for a caller's abort: aborts of its targets that have not ended
        void (*stand_in_done)(bdk_bdev_io*, bool);  ///< see IoFrameRest
    };

    IoFrame frames[max_io_frames];
    IoFrameRest rests[max_io_frames];
    alignas(16) std::byte ctx[inline_ctx_bytes];

    // --- last lines: only for I/Os that the core works on
    ChildPart part;
    ParentWork work;
    BufferWait buffer_wait;
    bdk_bdev_io_get_buf_cb get_buf_cb;  ///< for a module's read that waits for its buffer
    int64_t stand_in_delta;
    BdevIo* stands_for = nullptr;      ///< for a stand-in: the I/O that it continues
    bdk_bdev_range* ranges = nullptr;  ///< the blocks that it has at its layers: see write_guard.hpp

    static BdevIo* of(bdk_bdev_io* io) noexcept { return reinterpret_cast<BdevIo*>(io); }
    static const BdevIo* of(const bdk_bdev_io* io) noexcept { return reinterpret_cast<const BdevIo*>(io); }
    static BdevIo* of(Deferred* node) noexcept {
        return reinterpret_cast<BdevIo*>(reinterpret_cast<std::byte*>(node) - offset_of_deferred());
    }
    static constexpr size_t offset_of_deferred() noexcept;

    bool succeeded() const noexcept { return status.code == BDK_BDEV_IO_STATUS_SUCCESS; }

    /// True while the core or a module has the I/O.
    bool is_in_flight() const noexcept { return state == IoState::in_module || state == IoState::core; }

    /// True for a child at its parent's layer. There the user does not know it, so it is not counted, held
    /// back or aborted by itself. At the layers below it is like any other I/O.
    bool is_child_here() const noexcept { return part.parent != nullptr && depth == 0; }

    /// The channel on which the I/O was submitted, whatever layer it has reached.
    BdevChannel* origin() const noexcept { return depth == 0 ? ch : frames[0].ch(); }

    /// When the I/O was submitted on origin(), in ticks.
    uint64_t first_submit_ticks() const noexcept {
        for (uint32_t i = 0; i < depth; i++)
            if (frames[i].has_rest()) return rests[i].submit_ticks;
        return submit_ticks;
    }

    /// True when the I/O is at `channel` or has been forwarded from there.
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

/// A first-in-first-out queue of I/Os that the core holds, linked through `deferred`.
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

    /// Takes out the I/Os for which pred(io) is true.
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

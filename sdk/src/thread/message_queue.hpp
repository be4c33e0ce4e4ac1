// SPDX-License-Identifier: BSD-3-Clause
// The messages of one thread: a ring with any number of producers and one consumer.
#pragma once

#include <bdevkit/thread.h>
#include <sys/mman.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>

#include "base/prefetch.hpp"

namespace bdk {

struct Message {
    bdk_msg_fn fn;
    void* ctx;
};

/// Decides when to check a queue again. If a check finds few messages, a sender is probably still filling the
/// same cache line. Each check takes that line away from the sender, and the line would move to and fro for
/// every message. Checking less often while messages keep coming triples the throughput; a single message is
/// still received at once.
class QueuePace {
public:
    /// True when it is time, at `now` (ticks).
    bool due(uint64_t now) const noexcept { return now >= next_; }

    /// A check at `now` has found `count` messages. `longest`: the maximum ticks between two checks.
    void looked(uint64_t now, size_t count, uint64_t longest) noexcept {
        constexpr size_t many = 32;
        if (count == 0) {
            interval_ = 0;
        } else if (count < many) {
            interval_ = interval_ == 0 ? longest / 4 : (interval_ < longest ? interval_ * 2 : longest);
            next_ = now + interval_;
        }
    }

private:
    uint64_t next_ = 0;
    uint64_t interval_ = 0;
};

/// Each slot tells by its own `fn` whether it is filled, so that a producer that is interrupted half-way
/// holds up the consumer but no other producer, and the consumer never touches the producers' cache line.
/// (DPDK's multi-producer ring makes producers wait for each other, in a way that ThreadSanitizer cannot
/// follow.)
class MessageQueue {
public:
    static constexpr uint64_t capacity = 65536;

    MessageQueue() {
        // Fresh pages are zero, that is empty, and cost nothing until the ring has come round to them.
        void* mapped =
            mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (mapped == MAP_FAILED) throw std::bad_alloc();
        slots_ = static_cast<Slot*>(mapped);
    }
    ~MessageQueue() { munmap(static_cast<void*>(slots_), bytes); }
    MessageQueue(const MessageQueue&) = delete;
    MessageQueue& operator=(const MessageQueue&) = delete;

    /// [any thread] False when full. The last store is sequentially consistent: if the producer then sees the
    /// consumer awake, the consumer will check the queue again before it sleeps.
    bool push(bdk_msg_fn fn, void* ctx) noexcept {
        uint64_t tail = tail_.load(std::memory_order_relaxed);
        do {
            if (full(tail, head_seen_.load(std::memory_order_acquire)) && !look_at_head(tail)) return false;
        } while (!tail_.compare_exchange_weak(tail, tail + 1, std::memory_order_relaxed));
        Slot& slot = slots_[tail % capacity];
        prefetch_for_write(&slots_[(tail + slots_ahead) % capacity]);
        slot.ctx = ctx;
        slot.fn.store(fn, std::memory_order_seq_cst);
        return true;
    }

    /// [consumer] Takes up to `max` messages, in order. @return how many.
    size_t pop(Message* out, size_t max) noexcept {
        const uint64_t head = head_.load(std::memory_order_relaxed);
        size_t count = 0;
        for (; count < max; ++count) {
            Slot& slot = slots_[(head + count) % capacity];
            const bdk_msg_fn fn = slot.fn.load(std::memory_order_acquire);
            if (fn == nullptr) break;
            out[count] = {fn, slot.ctx};
            slot.fn.store(nullptr, std::memory_order_relaxed);
        }
        if (count != 0) head_.store(head + count, std::memory_order_release);
        return count;
    }

    /// [consumer] True when pop() would give nothing. Sequentially consistent; see push().
    bool empty() const noexcept {
        const uint64_t head = head_.load(std::memory_order_relaxed);
        return slots_[head % capacity].fn.load(std::memory_order_seq_cst) == nullptr;
    }

private:
    struct Slot {
        std::atomic<bdk_msg_fn> fn;  ///< nullptr: empty
        void* ctx;
    };
    static constexpr uint64_t slots_ahead = 8;  ///< two cache lines
    static constexpr size_t bytes = capacity * sizeof(Slot);

    /// The difference is signed, because a stale tail may be behind the head.
    static bool full(uint64_t tail, uint64_t head) noexcept {
        return static_cast<int64_t>(tail - head) >= static_cast<int64_t>(capacity);
    }

    bool look_at_head(uint64_t tail) noexcept {
        const uint64_t head = head_.load(std::memory_order_acquire);
        head_seen_.store(head, std::memory_order_release);
        return !full(tail, head);
    }

    // The producers' line.
    alignas(64) std::atomic<uint64_t> tail_{0};
    std::atomic<uint64_t> head_seen_{0};  ///< an older value of the consumer's head
    // The consumer's line.
    alignas(64) std::atomic<uint64_t> head_{0};
    Slot* slots_ = nullptr;
};

}  // namespace bdk

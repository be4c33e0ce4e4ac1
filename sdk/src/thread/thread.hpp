// SPDX-License-Identifier: BSD-3-Clause
// The parts of a bdk_thread that other concepts of the library use inline.
#pragma once

#include <bdevkit/thread.h>

#include <cstdint>

namespace bdk {

/// A call to be made later in the current turn of its thread: an intrusive node, so that it needs no memory.
struct Deferred {
    Deferred* next = nullptr;
    void (*run)(Deferred* self) = nullptr;
};

/// First-in-first-out list of deferred calls.
class DeferredQueue {
public:
    void push(Deferred* node) noexcept {
        node->next = nullptr;
        *tail_ = node;
        tail_ = &node->next;
    }

    Deferred* pop() noexcept {
        Deferred* node = head_;
        head_ = node->next;
        if (head_ == nullptr) tail_ = &head_;
        return node;
    }

    bool empty() const noexcept { return head_ == nullptr; }

private:
    Deferred* head_ = nullptr;
    Deferred** tail_ = &head_;
};

/// What the I/O path needs of the running thread: one cache line, reached through one thread-local pointer.
struct alignas(64) ThreadHot {
    DeferredQueue deferred;   ///< drained after every message and poller of this thread; see bdk_thread_poll
    uint64_t turn_ticks = 0;  ///< the time-stamp counter at the start of this turn of the thread
    uint32_t submit_depth = 0;     ///< nested submit_request calls
    uint32_t complete_depth = 0;   ///< nested completion callbacks
    void* bdev_manager = nullptr;  ///< the bdev layer's state of this thread
};

}  // namespace bdk

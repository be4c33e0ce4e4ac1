// SPDX-License-Identifier: BSD-3-Clause
// bdk_thread, with the parts that other code of the library uses inline.
#pragma once

#include <bdevkit/thread.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/export.hpp"
#include "thread/channel_table.hpp"
#include "thread/interrupt.hpp"
#include "thread/message_queue.hpp"
#include "thread/open_handles.hpp"
#include "thread/poller.hpp"

namespace bdk {

class Reactor;

/// A call that runs later in the current turn of its thread. It is an intrusive node, so that it needs no
/// memory.
struct Deferred {
    Deferred* next = nullptr;
    void (*run)(Deferred* self) = nullptr;
};

/// First-in-first-out list of deferred calls.
class DeferredQueue {
public:
    DeferredQueue() = default;
    DeferredQueue(const DeferredQueue&) = delete;
    DeferredQueue& operator=(const DeferredQueue&) = delete;

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

/// The state of the running thread that the I/O path needs: one cache line, reached through one thread-local
/// pointer.
struct alignas(64) ThreadHot {
    DeferredQueue deferred;       ///< drained after every message, poller and interrupt call of this thread
    uint64_t turn_ticks = 0;      ///< the time-stamp counter at the start of this turn of the thread
    uint32_t submit_depth = 0;    ///< nested submit_request calls
    uint32_t complete_depth = 0;  ///< nested completion callbacks
    uint64_t locks_held = 0;      ///< bdk_spinlocks taken and not released
};

enum class ThreadState : uint8_t {
    running,
    exiting,  ///< asked to exit: waits for what it owns
    closed,   ///< refuses new messages; runs those that were sent before
    gone,     ///< has ended
};

/// Operations that end with a message to their thread, which does not exit before. Used only on that thread.
class DueCount {
public:
    void begin_one() noexcept { ++count_; }
    /// Does nothing if the thread has stopped waiting for the operations.
    void end_one() noexcept {
        if (count_ != 0) --count_;
    }
    void forget() noexcept { count_ = 0; }
    uint32_t count() const noexcept { return count_; }

private:
    uint32_t count_ = 0;
};

}  // namespace bdk

struct bdk_thread : bdk::ThreadHot {
    bdk_thread(uint64_t number, std::string label) : id(number), name(std::move(label)) {}

    // Used only by the thread's own reactor.
    bdk::QueuePace message_pace;
    bdk::PollerList pollers;
    bdk::InterruptList interrupts;
    bdk::ChannelTable channels;
    uint64_t busy_ticks = 0;
    uint64_t idle_ticks = 0;
    uint64_t messages_run = 0;
    bdk::Reactor* move_to = nullptr;  ///< where to go after this turn
    uint64_t exit_deadline = 0;       ///< ticks; while exiting: when it ends in any case
    uint64_t exit_turn = 0;           ///< ticks; while exiting: when it is checked again
    bool senders_gone = false;        ///< while closed: no earlier send is under way
    const void* last_lock = nullptr;  ///< the bdk_spinlock taken last
    bdk::DueCount unregisters_due;    ///< io_devices that it unregistered and whose callback is due
    bdk::DueCount walks_due;          ///< walks that it started and that have not ended
    bdk::OpenHandles open_handles;
    const uint64_t* ios_in_use = nullptr;  ///< bdev_ios that the thread has taken and not freed; see IoPool

    // Used by any thread. The fields that senders read are on a cache line that is seldom written.
    const uint64_t id;
    const std::string name;
    alignas(64) std::unique_ptr<bdk::MessageQueue> messages = std::make_unique<bdk::MessageQueue>();
    std::atomic<bdk::Reactor*> reactor{nullptr};
    std::atomic<bdk::ThreadState> state{bdk::ThreadState::running};
    std::atomic<bool> has_overflow{false};
    std::atomic<bdk_msg_fn> critical{nullptr};
    std::atomic<uint64_t> full_logged_ns{0};  ///< when a full ring was logged last
    std::mutex overflow_mutex;
    std::vector<bdk::Message> overflow;  ///< see send_always()
};

namespace bdk {

/// The thread that runs on this pthread. Only reactors set it; read it through current_thread().
extern BDK_INTERNAL constinit thread_local bdk_thread* t_current_thread;

/// [any thread] Inline version of bdk_get_thread().
inline bdk_thread* current_thread() noexcept {
    return t_current_thread;
}

/// [any thread] Queues fn(ctx) like bdk_thread_send_msg(), but never fails for a full ring: for the library's
/// own messages, which cannot be refused. Messages that did not fit into the ring may be overtaken by later
/// ones. @return false when the thread has exited.
BDK_INTERNAL bool send_always(bdk_thread* thread, bdk_msg_fn fn, void* ctx);

/// [any thread] How long an exiting thread may wait for what it owns: 5 s, unless set.
BDK_INTERNAL void set_exit_timeout(uint64_t ns);

/// [any thread] Makes `thread` exit because the host stops; warns if its owner has not called
/// bdk_thread_exit().
void request_exit(bdk_thread* thread);

}  // namespace bdk

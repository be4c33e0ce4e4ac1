// SPDX-License-Identifier: BSD-3-Clause
// A reactor: an OS thread that gives turns to its bdk_threads, and sleeps when they have nothing to do.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/export.hpp"
#include "base/unique_fd.hpp"
#include "thread/activity.hpp"
#include "thread/idle_time.hpp"
#include "thread/reactor_options.hpp"

struct bdk_thread;
struct bdk_interrupt;

namespace bdk {

// Data written by the reactor and data written by other threads are on different cache lines, at the price of
// padding. NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding)
class BDK_INTERNAL Reactor {
public:
    /// @param core the core to run on; if empty, any core, and it counts as core 0
    Reactor(std::optional<uint32_t> core, ReactorMode mode);
    ~Reactor();
    Reactor(const Reactor&) = delete;
    Reactor& operator=(const Reactor&) = delete;

    /// [not a reactor] Ends its pthread; the object stays valid for others that post. A second call does
    /// nothing.
    void end();

    /// [any thread] Runs `op` between two turns of this reactor.
    void post(std::function<void()> op);

    /// [any thread, signal handler] Wakes the reactor if it sleeps; otherwise costs one load. Before the call
    /// the caller must publish its work with a sequentially consistent store.
    void wake() noexcept {
        if (sleeping_.load(std::memory_order_seq_cst)) wake_up();
    }

    /// [any thread] Takes over `thread`, which is not running on any reactor.
    void adopt(bdk_thread* thread);

    /// [any thread] The reactor that runs the caller, or nullptr.
    static Reactor* current() noexcept;

    /// [its own pthread] The caller expects no work before a timer or a descriptor wakes it: an adaptive
    /// reactor that finds no other work then sleeps at once, unless a busy poller runs.
    void doze() noexcept { dozing_ = true; }

    /// [its own pthread] Adds, changes or removes a descriptor of one of its threads. @return 0 or a negative
    /// errno.
    int watch(bdk_interrupt* interrupt);
    int rewatch(bdk_interrupt* interrupt);
    void unwatch(bdk_interrupt* interrupt);

    uint32_t core() const noexcept { return core_.value_or(0); }
    /// [any thread] The number of threads placed on this reactor.
    uint32_t thread_count() const noexcept { return thread_count_.load(std::memory_order_relaxed); }
    const Activity& activity() const noexcept { return activity_; }
    /// [on the reactor] Used by CallbackScope.
    Activity& activity_of_callbacks() noexcept { return activity_; }
    bool sleeping() const noexcept { return sleeping_.load(std::memory_order_relaxed); }
    pthread_t pthread() noexcept { return pthread_.native_handle(); }
    /// [any thread] The gettid() of its pthread; 0 before it runs.
    pid_t tid() const noexcept { return tid_.load(std::memory_order_relaxed); }

private:
    void run();
    void set_up();
    void turn();
    bool run_thread(bdk_thread& thread);
    bool run_messages(bdk_thread& thread);
    bool run_overflow(bdk_thread& thread);
    void run_message(bdk_thread& thread, void (*fn)(void*), void* ctx);
    bool run_ops();
    bool poll_fds(const struct timespec* timeout);
    bool run_interrupt(bdk_interrupt* interrupt, uint32_t occurred);
    void account(bdk_thread& thread, bool busy);
    void after_turn(bdk_thread& thread);
    void remove_departed();
    void move_away(bdk_thread& thread);
    void step_exit(bdk_thread& thread);
    void close(bdk_thread& thread);

    void rest(bool busy);
    bool has_busy_pollers() const;
    uint64_t patience(bool polled) const;
    uint64_t busy_poller_interval() const;
    void sleep();
    bool work_is_waiting() const;
    uint64_t next_deadline() const;
    void wake_up() noexcept;

    Activity activity_;
    const std::optional<uint32_t> core_;
    const ReactorMode mode_;
    UniqueFd epoll_;
    UniqueFd event_;
    std::vector<bdk_thread*> threads_;
    bool dozing_ = false;         ///< see doze()
    uint8_t unread_turns_ = 0;    ///< idle turns since the clock was read
    bool departed_ = false;       ///< a thread of threads_ has left
    size_t watched_ = 0;          ///< descriptors in epoll_, event_ not counted
    uint32_t turns_to_look_ = 0;  ///< turns until the descriptors are checked
    uint64_t last_ticks_ = 0;     ///< the end of the last piece of work
    uint64_t longest_pace_ = 0;   ///< ticks; see QueuePace
    IdleTime idle_;

    alignas(64) std::atomic<bool> sleeping_{false};
    std::atomic<bool> stopping_{false};
    std::atomic<bool> has_ops_{false};
    std::atomic<uint32_t> thread_count_{0};
    std::mutex ops_mutex_;
    std::vector<std::function<void()>> ops_;
    std::thread pthread_;
    std::atomic<pid_t> tid_{0};
};

/// [any thread] The reactor that runs the caller, or nullptr.
extern constinit thread_local Reactor* t_current_reactor;

}  // namespace bdk

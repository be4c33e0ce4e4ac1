// SPDX-License-Identifier: BSD-3-Clause
// The reactors of the running host and its threads.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "base/export.hpp"
#include "thread/reactor.hpp"
#include "thread/reactor_options.hpp"
#include "thread/thread.hpp"

namespace bdk {

/// The process has one registry. Between Runtimes it has no reactors.
class BDK_INTERNAL ThreadRegistry {
public:
    static ThreadRegistry& instance();

    /// [not a bdk thread] Starts the reactors and the app thread.
    tl::expected<void, std::string> start(const ReactorOptions& options);

    /// [not a bdk thread] Asks every thread to exit, the app thread last, and waits until they have.
    void end_threads();

    /// [not a bdk thread] Ends the reactors, when no thread is left.
    void end_reactors();

    /// [any thread] Creates a thread; nullptr when no reactor is allowed or none runs.
    bdk_thread* create(const char* name, const uint64_t* cpumask, uint32_t words);

    /// [any thread] The living thread with that number, or nullptr.
    bdk_thread* find(uint64_t id);
    /// [any thread] The living thread with the lowest number above `id`, or nullptr.
    bdk_thread* next_after(uint64_t id);
    uint32_t count();

    /// [the thread's reactor] The thread has run for the last time. Its memory stays for senders that still
    /// hold the pointer; they get -EIO.
    void bury(bdk_thread* thread);

    Reactor* reactor_of_core(uint32_t core);
    std::vector<Reactor*> reactors();

    /// [any thread] Calls done() on a reactor when no bdk_thread_send_msg() that has begun before is under
    /// way.
    void when_senders_are_done(std::function<void()> done);

    bdk_thread* app_thread() const noexcept { return app_thread_.load(std::memory_order_acquire); }

private:
    ThreadRegistry() = default;

    Reactor* least_loaded(const uint64_t* cpumask, uint32_t words);
    void visit_reactor(size_t index, std::function<void()> done);
    void exit_and_wait(bool app_thread_too);

    std::mutex mutex_;
    std::condition_variable changed_;  ///< a thread was added or removed
    std::vector<std::unique_ptr<Reactor>> reactors_;
    std::map<uint64_t, std::unique_ptr<bdk_thread>> threads_;
    std::deque<std::unique_ptr<bdk_thread>> graves_;
    uint64_t last_id_ = 0;
    std::atomic<bdk_thread*> app_thread_{nullptr};
};

/// Sends under way on pthreads that are not reactors.
extern std::atomic<uint32_t> g_outside_senders;

}  // namespace bdk

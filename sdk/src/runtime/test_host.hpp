// SPDX-License-Identifier: BSD-3-Clause
// For tests: a running host, functions that run code on its threads, and ways to wait for events.
#pragma once

#include <bdevkit/thread.h>
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/cpus.hpp"
#include "log/log.hpp"
#include "runtime/runtime.hpp"
#include "thread/thread.hpp"

namespace bdk::testing {

/// Runs fn on `thread` and waits until it returns. Not on a bdk thread.
inline void run_on(bdk_thread* thread, const std::function<void()>& fn) {
    struct Call {
        explicit Call(const std::function<void()>& function) : fn(function) {}
        const std::function<void()>& fn;
        std::promise<void> done;
    };
    auto call = std::make_unique<Call>(fn);
    std::future<void> done = call->done.get_future();
    const auto run = [](void* arg) {
        const std::unique_ptr<Call> mine(static_cast<Call*>(arg));
        mine->fn();
        mine->done.set_value();
    };
    ASSERT_TRUE(send_always(thread, run, call.get())) << "the thread has exited";
    static_cast<void>(call.release());
    done.get();
}

/// Waits until every message sent to `thread` so far has run, and the messages that these send to the same
/// thread.
inline void settle(bdk_thread* thread) {
    for (int round = 0; round < 3; ++round)
        run_on(thread, [] {});
}

/// An event on another thread to wait for.
class Event {
public:
    void set() { promise_.set_value(); }
    void wait() { future_.get(); }

private:
    std::promise<void> promise_;
    std::future<void> future_ = promise_.get_future();
};

/// Collects the log's lines while it lives.
class LogCapture {
public:
    LogCapture() {
        lines().clear();
        set_log_sink([](std::string_view line) {
            const std::lock_guard lock(mutex());
            lines().emplace_back(line);
        });
    }
    ~LogCapture() { set_log_sink(nullptr); }
    LogCapture(const LogCapture&) = delete;
    LogCapture& operator=(const LogCapture&) = delete;

    std::string text() const {
        const std::lock_guard lock(mutex());
        std::string all;
        for (const std::string& line : lines())
            all += line + "\n";
        return all;
    }
    bool contains(std::string_view part) const { return text().find(part) != std::string::npos; }

private:
    static std::mutex& mutex() {
        static std::mutex instance;
        return instance;
    }
    static std::vector<std::string>& lines() {
        static std::vector<std::string> instance;
        return instance;
    }
};

/// A host without hugepages and with little memory.
inline RuntimeOptions small_host(std::vector<uint32_t> cores = {}) {
    RuntimeOptions options;
    options.env.hugepages = "off";
    options.env.memory = 128ull << 20;
    options.reactors.cores = std::move(cores);
    return options;
}

/// A fixture with a running host of one reactor, or of two with `use_two_reactors()`.
class HostTest : public ::testing::Test {
protected:
    explicit HostTest(RuntimeOptions options = small_host()) : options_(std::move(options)) {}

    void SetUp() override {
        auto started = Runtime::start(options_);
        ASSERT_TRUE(started.has_value()) << started.error();
        runtime_ = std::move(*started);
    }
    void TearDown() override { runtime_.reset(); }

    /// Runs fn on the app thread.
    static void on_app(const std::function<void()>& fn) { call_on_app_thread(fn); }
    static bdk_thread* app() { return bdk_thread_get_app_thread(); }

    /// A thread that the test ends with end_thread().
    static bdk_thread* new_thread(const char* name) { return bdk_thread_create(name, nullptr, 0); }
    static void end_thread(bdk_thread* thread) {
        run_on(thread, [] { EXPECT_EQ(0, bdk_thread_exit()); });
    }

    RuntimeOptions options_;
    std::unique_ptr<Runtime> runtime_;
};

/// Two cores that this process may use, or fewer.
inline std::vector<uint32_t> up_to_two_cores() {
    std::vector<uint32_t> cores = available_cores();
    if (cores.size() > 2) cores.resize(2);
    return cores;
}

}  // namespace bdk::testing

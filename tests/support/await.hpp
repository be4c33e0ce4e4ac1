// SPDX-License-Identifier: BSD-3-Clause
// Calls from a test's main thread into a bdk_thread, and back.
#pragma once

#include <bdevkit/thread.h>

#include <chrono>
#include <exception>
#include <functional>
#include <future>
#include <memory>

namespace bdk::test {

/// A value that a bdk_thread sets once and the test waits for.
template <class T>
class Awaited {
public:
    Awaited() : promise_(std::make_shared<std::promise<T>>()), future_(promise_->get_future()) {}

    /// [any thread] What sets it; copy it into callbacks.
    std::function<void(T)> setter() const {
        return [promise = promise_](T value) { promise->set_value(std::move(value)); };
    }

    bool is_ready() const { return future_.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }

    /// [not a bdk thread] True once it is there, false when it has not come for so long.
    bool comes_within(std::chrono::seconds time) const {
        return future_.wait_for(time) == std::future_status::ready;
    }

    /// [not a bdk thread] Waits for it, once.
    T get() { return future_.get(); }

private:
    std::shared_ptr<std::promise<T>> promise_;
    std::future<T> future_;
};

/// [not a bdk thread] Runs fn on `thread` without waiting.
inline void post(bdk_thread* thread, std::function<void()> fn) {
    auto message = std::make_unique<std::function<void()>>(std::move(fn));
    const int rc = bdk_thread_send_msg(
        thread,
        [](void* ctx) {
            const std::unique_ptr<std::function<void()>> run(static_cast<std::function<void()>*>(ctx));
            (*run)();
        },
        message.get());
    if (rc != 0) throw std::runtime_error("the thread takes no message");
    message.release();
}

/// [not a bdk thread] Runs fn on `thread` and returns when it has.
inline void call_on(bdk_thread* thread, const std::function<void()>& fn) {
    std::promise<void> done;
    post(thread, [&] {
        try {
            fn();
            done.set_value();
        } catch (...) {
            done.set_exception(std::current_exception());
        }
    });
    done.get_future().get();
}

/// [not a bdk thread] Waits until everything that was sent to `thread` before, and what that sent to it, has
/// run.
inline void settle(bdk_thread* thread) {
    for (int turn = 0; turn < 8; turn++)
        call_on(thread, [] {});
}

}  // namespace bdk::test

// SPDX-License-Identifier: BSD-3-Clause
/// @file thread.hpp
/// Messages between threads.
#pragma once

#include <bdevkit/thread.h>
#include <bdevkit/error.hpp>

#include <cerrno>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

namespace BDEVKIT_HIDDEN bdevkit {

namespace detail {

/// Runs a closure that travelled as a message, and frees it.
template <class Fn>
void run_message(void* message) noexcept {
    const std::unique_ptr<Fn> fn(static_cast<Fn*>(message));
    guarded(BDK_LOG_COMPONENT, "message", *fn);
}

}  // namespace detail

/// A bdk_thread, not owned.
class Thread {
public:
    explicit Thread(bdk_thread* thread) noexcept : thread_(thread) {}

    /// [any thread] The thread that runs the caller; empty outside any.
    static Thread current() noexcept { return Thread(bdk_get_thread()); }
    /// [any thread] The host's first thread, where bdevs are made and removed.
    static Thread app() noexcept { return Thread(bdk_thread_get_app_thread()); }

    /// [any thread] Runs fn() there in a later turn. On a bdk thread it throws Error when the thread is gone
    /// or its ring is full. On a pthread of your own nobody would catch that: there it waits until the ring
    /// has room, as a completion must not get lost.
    /// @return false, on a pthread of your own alone, when the thread is gone: fn is dropped
    template <class Fn>
    bool send(Fn fn) const {
        auto message = std::make_unique<Fn>(std::move(fn));
        const bool may_wait = !current();
        int rc = bdk_thread_send_msg(thread_, detail::run_message<Fn>, message.get());
        while (rc == -ENOMEM && may_wait) {
            std::this_thread::sleep_for(std::chrono::microseconds(100));
            rc = bdk_thread_send_msg(thread_, detail::run_message<Fn>, message.get());
        }
        if (rc != 0 && may_wait) return false;
        check(rc, "bdk_thread_send_msg");
        message.release();
        return true;
    }

    /// [any thread] Runs fn() at once when the caller is on this thread, else as send().
    template <class Fn>
    bool exec(Fn fn) const {
        if (*this != current()) return send(std::move(fn));
        fn();
        return true;
    }

    const char* name() const noexcept { return bdk_thread_get_name(thread_); }
    bdk_thread* get() const noexcept { return thread_; }
    explicit operator bool() const noexcept { return thread_ != nullptr; }
    bool operator==(const Thread&) const noexcept = default;

private:
    bdk_thread* thread_;
};

}  // namespace bdevkit

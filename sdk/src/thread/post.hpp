// SPDX-License-Identifier: BSD-3-Clause
// Messages that carry a closure: for the slow paths of the bdev layer.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "log/no_memory.hpp"
#include "thread/thread.hpp"

namespace bdk {

/// [any thread] Runs fn() on `thread` in a later turn. Dropped when the thread has exited.
template <typename Fn>
void post(bdk_thread* thread, Fn fn) noexcept {
    auto run = [](void* ctx) {
        const std::unique_ptr<Fn> self(static_cast<Fn*>(ctx));
        (*self)();
    };
    std::unique_ptr<Fn> owned = cannot_fail("a message", [&] { return std::make_unique<Fn>(std::move(fn)); });
    if (send_always(thread, run, owned.get())) static_cast<void>(owned.release());  // the message has it
}

/// [any thread] Runs fn() at once on `thread`, else as post().
template <typename Fn>
void run_on(bdk_thread* thread, Fn fn) {
    if (current_thread() == thread)
        fn();
    else
        post(thread, std::move(fn));
}

}  // namespace bdk

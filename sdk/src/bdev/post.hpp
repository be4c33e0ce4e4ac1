// SPDX-License-Identifier: BSD-3-Clause
// Messages that carry a closure: for the slow paths of the bdev layer.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "thread/thread.hpp"

namespace bdk {

/// [any thread] Runs fn on `thread` in a later turn. Dropped when the thread has exited.
inline void post(bdk_thread* thread, std::function<void()> fn) {
    auto owned = std::make_unique<std::function<void()>>(std::move(fn));
    auto run = [](void* ctx) {
        std::unique_ptr<std::function<void()>> self(static_cast<std::function<void()>*>(ctx));
        (*self)();
    };
    if (send_always(thread, run, owned.get())) static_cast<void>(owned.release());  // the message has it
}

/// [any thread] Runs fn at once on `thread`, else as post().
inline void run_on(bdk_thread* thread, std::function<void()> fn) {
    if (current_thread() == thread)
        fn();
    else
        post(thread, std::move(fn));
}

}  // namespace bdk

// SPDX-License-Identifier: BSD-3-Clause
// How a reactor calls into a module: message, poller or interrupt.
#pragma once

#include <rte_cycles.h>

#include "thread/activity.hpp"
#include "thread/thread.hpp"

namespace bdk {

/// Deferred calls in a row, before the thread's other work gets its turn.
inline constexpr int deferred_budget = 256;

/// Runs the calls in the deferred queue, and reports spinlocks that were not released.
void settle(bdk_thread& thread, const void* fn);

/// Calls `call`, which enters the module's function `fn`.
template <typename Call>
inline auto call_module(bdk_thread& thread, const void* fn, Call&& call) {
    const auto settle_if_needed = [&] {
        if (!thread.deferred.empty() || thread.locks_held != 0) [[unlikely]]
            settle(thread, fn);
    };
    if constexpr (std::is_void_v<decltype(call())>) {
        call();
        settle_if_needed();
    } else {
        const auto result = call();
        settle_if_needed();
        return result;
    }
}

}  // namespace bdk

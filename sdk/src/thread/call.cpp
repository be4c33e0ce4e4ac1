// SPDX-License-Identifier: BSD-3-Clause
#include "thread/call.hpp"

#include <cstdio>

#include "log/violation.hpp"

namespace bdk {
namespace {

void report_kept_lock(bdk_thread& thread, const void* fn) {
    char object[64];
    std::snprintf(object, sizeof(object), "bdk_spinlock at %p", thread.last_lock);
    // Removed from the list, so that it is reported only once.
    thread.locks_held = 0;
    report_violation({.rule = 5,
                      .what = "a message or poller returned while it held a bdk_spinlock",
                      .object = object,
                      .owner = &thread,
                      .advice = "release the lock on every path before returning",
                      .return_address = fn});
}

}  // namespace

void settle(bdk_thread& thread, const void* fn) {
    int budget = deferred_budget;
    while (!thread.deferred.empty() && budget-- > 0) {
        Deferred* node = thread.deferred.pop();
        node->run(node);
    }
    // A long call must not count as a single moment for code that measures time by turns.
    if (!thread.deferred.empty()) thread.turn_ticks = rte_rdtsc();
    if (thread.locks_held != 0) report_kept_lock(thread, fn);
}

}  // namespace bdk

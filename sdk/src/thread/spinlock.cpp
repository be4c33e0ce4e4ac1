// SPDX-License-Identifier: BSD-3-Clause
#include <bdevkit/thread.h>
#include <rte_pause.h>
#include <sched.h>

#include <atomic>
#include <cstdio>
#include <new>

#include "log/violation.hpp"
#include "thread/thread.hpp"

namespace bdk {
namespace {

/// The content of a bdk_spinlock.
struct SpinLock {
    std::atomic<const void*> holder{nullptr};  ///< a bdk_thread; outside_holder; nullptr: free
};
static_assert(sizeof(SpinLock) <= sizeof(bdk_spinlock));

/// The holder of a lock that was wrongly taken outside a bdk thread, so that the lock still protects its
/// data.
thread_local const char outside_holder = 0;

constexpr int spins_before_yield = 1000;

SpinLock* inner(bdk_spinlock* lock) {
    return std::launder(reinterpret_cast<SpinLock*>(lock));
}
const SpinLock* inner(const bdk_spinlock* lock) {
    return std::launder(reinterpret_cast<const SpinLock*>(lock));
}

const void* caller_as_holder() {
    return current_thread() != nullptr ? static_cast<const void*>(current_thread()) : &outside_holder;
}

void report(const bdk_spinlock* lock, int rule, std::string_view what, std::string_view advice,
            const void* caller) {
    char object[64];
    std::snprintf(object, sizeof(object), "bdk_spinlock at %p", static_cast<const void*>(lock));
    report_violation(
        {.rule = rule, .what = what, .object = object, .advice = advice, .return_address = caller});
}

void acquire(SpinLock& lock, const void* me) {
    const void* free_holder = nullptr;
    for (int spins = 0; !lock.holder.compare_exchange_weak(free_holder, me, std::memory_order_acquire,
                                                           std::memory_order_relaxed);
         ++spins) {
        free_holder = nullptr;
        // The holder may have lost its core to another program.
        if (spins < spins_before_yield) {
            rte_pause();
        } else {
            sched_yield();
        }
    }
}

}  // namespace
}  // namespace bdk

void bdk_spin_init(bdk_spinlock* lock) {
    new (lock) bdk::SpinLock;
}

void bdk_spin_destroy(bdk_spinlock* lock) {
    if (bdk::inner(lock)->holder.load(std::memory_order_relaxed) != nullptr) {
        bdk::report(lock, 5, "bdk_spin_destroy() of a lock that is held", "release the lock first",
                    __builtin_return_address(0));
    }
}

void bdk_spin_lock(bdk_spinlock* lock) {
    bdk_thread* thread = bdk::current_thread();
    const void* me = bdk::caller_as_holder();
    bdk::SpinLock* spin = bdk::inner(lock);
    if (spin->holder.load(std::memory_order_relaxed) == me) [[unlikely]] {
        bdk::report(lock, 5, "bdk_spin_lock() of a lock that the caller holds: it would wait for itself",
                    "take the lock once, or ask bdk_spin_held()", __builtin_return_address(0));
        return;
    }
    if (thread == nullptr) {
        bdk::report(lock, 4, "bdk_spin_lock() outside a bdk thread",
                    "send a message to a bdk thread and lock there", __builtin_return_address(0));
    }
    bdk::acquire(*spin, me);
    if (thread == nullptr) return;
    ++thread->locks_held;
    thread->last_lock = lock;
}

void bdk_spin_unlock(bdk_spinlock* lock) {
    bdk_thread* thread = bdk::current_thread();
    bdk::SpinLock* spin = bdk::inner(lock);
    if (spin->holder.load(std::memory_order_relaxed) != bdk::caller_as_holder()) [[unlikely]] {
        bdk::report(lock, thread == nullptr ? 4 : 5,
                    "bdk_spin_unlock() of a lock that the caller does not hold",
                    "release a lock on the thread that took it", __builtin_return_address(0));
        return;
    }
    // Zero if the lock was already reported as not released.
    if (thread != nullptr && thread->locks_held != 0) --thread->locks_held;
    spin->holder.store(nullptr, std::memory_order_release);
}

bool bdk_spin_held(const bdk_spinlock* lock) {
    return bdk::inner(lock)->holder.load(std::memory_order_relaxed) == bdk::caller_as_holder();
}

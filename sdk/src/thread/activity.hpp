// SPDX-License-Identifier: BSD-3-Clause
// The current activity of a reactor, for observers on other threads: the watchdog, and a sender that finds
// the message ring full.
#pragma once

#include <atomic>
#include <cstdint>

struct bdk_poller;
struct bdk_interrupt;

namespace bdk {

/// Only the reactor writes it, with plain stores; any thread may read it.
class alignas(64) Activity {
public:
    /// A call into a module begins. `poller` and `interrupt` are for the reactor's own pthread only.
    void begin(const void* fn, const bdk_poller* poller = nullptr,
               const bdk_interrupt* interrupt = nullptr) noexcept {
        poller_.store(poller, std::memory_order_relaxed);
        interrupt_.store(interrupt, std::memory_order_relaxed);
        std::atomic_signal_fence(std::memory_order_release);
        fn_.store(fn, std::memory_order_relaxed);
        step();
    }

    /// A callback inside a call.
    struct Callback {
        const void* fn;
        const char* kind;  ///< "destroy callback"; nullptr: no callback, but the call itself
    };

    /// A callback begins. @return the activity that called it, for leave()
    Callback enter(Callback callback) noexcept {
        const Callback outer{fn(), kind()};
        set(callback);
        step();
        return outer;
    }
    void leave(Callback outer) noexcept {
        set(outer);
        step();
    }

    /// A call or a turn has ended.
    void step() noexcept {
        steps_.store(steps_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }

    void end() noexcept { fn_.store(nullptr, std::memory_order_relaxed); }

    /// [any thread] A counter of calls and turns.
    uint64_t steps() const noexcept { return steps_.load(std::memory_order_relaxed); }
    /// [any thread] The function that runs, nullptr between calls.
    const void* fn() const noexcept { return fn_.load(std::memory_order_relaxed); }
    /// [the reactor's pthread, or a signal handler on it] The poller that runs, nullptr for a message.
    const bdk_poller* poller() const noexcept { return poller_.load(std::memory_order_relaxed); }
    const bdk_interrupt* interrupt() const noexcept { return interrupt_.load(std::memory_order_relaxed); }
    /// [likewise] The kind of the callback fn(), nullptr for a message, poller or interrupt.
    const char* kind() const noexcept { return kind_.load(std::memory_order_relaxed); }

private:
    void set(Callback callback) noexcept {
        kind_.store(callback.kind, std::memory_order_relaxed);
        std::atomic_signal_fence(std::memory_order_release);
        fn_.store(callback.fn, std::memory_order_relaxed);
    }

    std::atomic<uint64_t> steps_{0};
    std::atomic<const void*> fn_{nullptr};
    std::atomic<const bdk_poller*> poller_{nullptr};
    std::atomic<const bdk_interrupt*> interrupt_{nullptr};
    std::atomic<const char*> kind_{nullptr};
};

}  // namespace bdk

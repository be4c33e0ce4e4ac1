// SPDX-License-Identifier: BSD-3-Clause
/// @file poller.hpp
/// Pollers and file descriptors that call a member function. Both belong to the thread that started them:
/// move and destroy them there. An exception of the member function is logged, and counts as no work done.
#pragma once

#include <bdevkit/poller.h>
#include <bdevkit/error.hpp>

#include <chrono>
#include <type_traits>
#include <utility>

namespace BDEVKIT_HIDDEN bdevkit {

/// A registered poller; unregisters on destruction.
class Poller {
public:
    Poller() noexcept = default;
    ~Poller() { stop(); }
    Poller(Poller&& other) noexcept : poller_(std::exchange(other.poller_, nullptr)) {}
    Poller& operator=(Poller&& other) noexcept {
        std::swap(poller_, other.poller_);
        return *this;
    }

    /**
     * [bdk thread] Calls target->Method() again and again; it returns whether it found work.
     *
     *     poller_ = Poller::start<&Channel::poll>(this, "null");
     *
     * @param period  zero: every turn of the reactor
     */
    template <auto Method, class T>
    static Poller start(T* target, const char* name, std::chrono::microseconds period = {}) {
        bdk_poller* poller = bdk_poller_register(call<Method, T>, target, uint64_t(period.count()), name);
        if (poller == nullptr) throw Error(ENOMEM, std::string("cannot register the poller ") + name);
        return Poller(poller);
    }

    /// [the poller's thread] Ends it; nothing happens to an empty one.
    void stop() noexcept { bdk_poller_unregister(&poller_); }
    /// [the poller's thread] Not called until resume(). Not for an empty one, nor is resume().
    void pause() noexcept { bdk_poller_pause(poller_); }
    /// [the poller's thread]
    void resume() noexcept { bdk_poller_resume(poller_); }

    explicit operator bool() const noexcept { return poller_ != nullptr; }

private:
    explicit Poller(bdk_poller* poller) noexcept : poller_(poller) {}

    template <auto Method, class T>
    static int call(void* target) noexcept {
        const int rc = detail::guarded(BDK_LOG_COMPONENT, "poller",
                                       [&]() -> bool { return (static_cast<T*>(target)->*Method)(); });
        return rc > 0 ? BDK_POLLER_BUSY : BDK_POLLER_IDLE;
    }

    bdk_poller* poller_ = nullptr;
};

/// Calls a member function when a file descriptor is ready; ends on destruction. The descriptor stays its
/// owner's.
class Interrupt {
public:
    Interrupt() noexcept = default;
    ~Interrupt() { stop(); }
    Interrupt(Interrupt&& other) noexcept : interrupt_(std::exchange(other.interrupt_, nullptr)) {}
    Interrupt& operator=(Interrupt&& other) noexcept {
        std::swap(interrupt_, other.interrupt_);
        return *this;
    }

    /// [bdk thread] Calls target->Method(), or target->Method(events), while `fd` is ready. It returns
    /// whether it found work.
    /// @param events  BDK_INTERRUPT_IN, BDK_INTERRUPT_OUT or both
    template <auto Method, class T>
    static Interrupt start(int fd, uint32_t events, T* target, const char* name) {
        bdk_interrupt* interrupt = bdk_interrupt_register(fd, events, call<Method, T>, target, name);
        if (interrupt == nullptr) throw Error(EINVAL, std::string("cannot watch the descriptor of ") + name);
        return Interrupt(interrupt);
    }

    /// [its thread] Ends it; nothing happens to an empty one.
    void stop() noexcept { bdk_interrupt_unregister(&interrupt_); }
    /// [its thread] Changes the events.
    void set_events(uint32_t events) {
        check(bdk_interrupt_set_events(interrupt_, events), "bdk_interrupt_set_events");
    }

    explicit operator bool() const noexcept { return interrupt_ != nullptr; }

private:
    explicit Interrupt(bdk_interrupt* interrupt) noexcept : interrupt_(interrupt) {}

    template <auto Method, class T>
    static int call([[maybe_unused]] uint32_t events, void* target) noexcept {
        const int rc = detail::guarded(BDK_LOG_COMPONENT, "interrupt", [&]() -> bool {
            if constexpr (std::is_invocable_v<decltype(Method), T&, uint32_t>)
                return (static_cast<T*>(target)->*Method)(events);
            else
                return (static_cast<T*>(target)->*Method)();
        });
        return rc > 0 ? BDK_POLLER_BUSY : BDK_POLLER_IDLE;
    }

    bdk_interrupt* interrupt_ = nullptr;
};

}  // namespace bdevkit

// SPDX-License-Identifier: BSD-3-Clause
// The sleep and wake-up of a reactor, and the descriptors that it watches.
#define BDK_LOG_COMPONENT "reactor"
#include <bdevkit/log.h>
#include <errno.h>
#include <rte_cycles.h>
#include <rte_pause.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/ticks.hpp"
#include "thread/call.hpp"
#include "thread/reactor.hpp"
#include "thread/thread.hpp"

namespace bdk {
namespace {

constexpr uint32_t turns_between_looks = 32;

// How long an adaptive reactor polls without work before it sleeps, without and with busy pollers. After that
// time busy pollers are called less and less often: the delay with which a poller finds work is a fraction of
// the time that the work took to arrive.
constexpr uint64_t patience_ns = 30'000;
constexpr uint64_t patience_with_busy_pollers_ns = 10'000'000;
constexpr uint64_t idle_time_per_interval = 10;
constexpr uint64_t longest_busy_poller_interval_ns = 10'000'000;

timespec to_timespec(uint64_t ticks) {
    const uint64_t ns = ns_from_ticks(ticks);
    return {static_cast<time_t>(ns / ns_per_second), static_cast<long>(ns % ns_per_second)};
}

/// epoll_wait with a timeout finer than a millisecond, if the kernel has it (5.11).
int wait_for_events(int epoll, epoll_event* events, int max, const timespec* timeout) {
    const int count = epoll_pwait2(epoll, events, max, timeout, nullptr);
    if (count >= 0 || errno != ENOSYS) return count;
    const auto ms = [](const timespec& t) { return t.tv_sec * 1000 + (t.tv_nsec + 999'999) / 1'000'000; };
    constexpr time_t longest = 60'000;
    return epoll_wait(epoll, events, max,
                      timeout == nullptr ? -1 : static_cast<int>(std::min(longest, ms(*timeout))));
}

}  // namespace

void Reactor::rest(bool busy) {
    if (busy) {
        idle_.found_work();
        return;
    }
    idle_.idle_turn(last_ticks_);
    if (mode_ == ReactorMode::poll) return;
    if (idle_.ticks() < patience(has_busy_pollers())) {
        rte_pause();
        if (threads_.empty()) last_ticks_ = rte_rdtsc();
        return;
    }
    sleep();
}

bool Reactor::has_busy_pollers() const {
    return std::any_of(threads_.begin(), threads_.end(),
                       [](const bdk_thread* thread) { return thread->pollers.has_busy(); });
}

uint64_t Reactor::patience(bool polled) const {
    if (mode_ == ReactorMode::interrupt) return 0;
    if (polled) return ticks_from_ns(patience_with_busy_pollers_ns);
    return dozing_ ? 0 : ticks_from_ns(patience_ns);
}

uint64_t Reactor::busy_poller_interval() const {
    return std::min(idle_.ticks() / idle_time_per_interval, ticks_from_ns(longest_busy_poller_interval_ns));
}

uint64_t Reactor::next_deadline() const {
    uint64_t deadline = UINT64_MAX;
    for (const bdk_thread* thread : threads_) {
        deadline = std::min(deadline, thread->pollers.next_timer());
        if (thread->pollers.has_busy()) {
            deadline = std::min(deadline, last_ticks_ + busy_poller_interval());
        }
        if (thread->exit_turn != 0) deadline = std::min(deadline, thread->exit_turn);
    }
    return deadline;
}

bool Reactor::work_is_waiting() const {
    if (has_ops_.load(std::memory_order_seq_cst)) return true;
    return std::any_of(threads_.begin(), threads_.end(), [](const bdk_thread* thread) {
        return !thread->messages->empty() || thread->critical.load(std::memory_order_seq_cst) != nullptr ||
               thread->has_overflow.load(std::memory_order_seq_cst);
    });
}

void Reactor::sleep() {
    // A thread that queues work checks sleeping_ afterwards; this reactor checks for work after it has set
    // sleeping_. So at least one of them sees the other.
    sleeping_.store(true, std::memory_order_seq_cst);
    const uint64_t deadline = next_deadline();
    const uint64_t now = rte_rdtsc();
    if (!work_is_waiting() && deadline > now) {
        if (deadline == UINT64_MAX) {
            poll_fds(nullptr);
        } else {
            const timespec timeout = to_timespec(deadline - now);
            poll_fds(&timeout);
        }
        if (idle_.is_running()) idle_.slept(last_ticks_, deadline);
    }
    sleeping_.store(false, std::memory_order_relaxed);
    dozing_ = false;
}

void Reactor::wake_up() noexcept {
    // Only the first sender writes.
    if (!sleeping_.exchange(false, std::memory_order_seq_cst)) return;
    const uint64_t one = 1;
    const int saved = errno;
    [[maybe_unused]] const ssize_t written = write(event_.get(), &one, sizeof(one));
    errno = saved;
}

bool Reactor::poll_fds(const timespec* timeout) {
    turns_to_look_ = turns_between_looks;
    std::array<epoll_event, 64> events;
    const int count = wait_for_events(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout);
    const uint64_t now = rte_rdtsc();
    if (sleeping_.load(std::memory_order_relaxed)) sleeping_.store(false, std::memory_order_relaxed);
    for (bdk_thread* thread : threads_)
        thread->idle_ticks += now - last_ticks_;
    last_ticks_ = now;
    bool busy = false;
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<size_t>(i)];
        auto* interrupt = static_cast<bdk_interrupt*>(event.data.ptr);
        if (interrupt != nullptr && interrupt->registered) busy |= run_interrupt(interrupt, event.events);
    }
    if (busy) idle_.found_work();
    return busy;
}

bool Reactor::run_interrupt(bdk_interrupt* interrupt, uint32_t occurred) {
    bdk_thread& thread = *interrupt->thread;
    const void* address = reinterpret_cast<const void*>(interrupt->fn);
    t_current_thread = &thread;
    thread.turn_ticks = last_ticks_;
    activity_.begin(address, nullptr, interrupt);
    const int result = call_module(thread, address, [&] { return interrupt->fn(occurred, interrupt->ctx); });
    activity_.end();
    t_current_thread = nullptr;
    account(thread, true);
    return result != BDK_POLLER_IDLE || !thread.deferred.empty();
}

int Reactor::watch(bdk_interrupt* interrupt) {
    epoll_event event{.events = interrupt->events, .data = {.ptr = interrupt}};
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, interrupt->fd, &event) != 0) return -errno;
    ++watched_;
    return 0;
}

int Reactor::rewatch(bdk_interrupt* interrupt) {
    epoll_event event{.events = interrupt->events, .data = {.ptr = interrupt}};
    return epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, interrupt->fd, &event) == 0 ? 0 : -errno;
}

void Reactor::unwatch(bdk_interrupt* interrupt) {
    // A descriptor that was closed too early has already left the set.
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, interrupt->fd, nullptr);
    --watched_;
}

}  // namespace bdk

// SPDX-License-Identifier: BSD-3-Clause
// I/Os that wait for their completion time.
#pragma once

#include <bdevkit/bdevkit.hpp>

#include <algorithm>
#include <chrono>
#include <vector>

/**
 * A member of a channel. A timer runs until shortly before the next I/O is due; then a poller checks the
 * clock in each turn of the reactor, which is exact. When no I/O waits, neither runs.
 */
class DelayQueue {
public:
    using Io = bdevkit::Io;

    /// [bdk thread] @param name name of the pollers
    explicit DelayQueue(const char* name)
        : name_(name), poller_(bdevkit::Poller::start<&DelayQueue::poll>(this, name)) {
        poller_.pause();
    }
    DelayQueue(const DelayQueue&) = delete;
    DelayQueue& operator=(const DelayQueue&) = delete;

    /// [channel's thread] Completes the I/O at the time `due`, with the status that its base gave it. @param
    /// due in ticks
    void add(Io io, uint64_t due) {
        waiting_.push_back({due, io});
        std::push_heap(waiting_.begin(), waiting_.end(), later);
        if (waiting_.front().io == io) wait_for_next();
    }

    /// [channel's thread] Removes the I/O from the queue. False when it is not here.
    bool remove(Io io) {
        if (std::erase_if(waiting_, [&](const Waiting& one) { return one.io == io; }) == 0) return false;
        std::make_heap(waiting_.begin(), waiting_.end(), later);
        return true;
    }

    /// [channel's thread] Removes all I/Os. @param end is called with each I/O
    template <class End>
    void remove_all(End end) {
        for (const Waiting& one : std::exchange(waiting_, {}))
            end(one.io);
    }

private:
    struct Waiting {
        uint64_t due;
        Io io;
    };
    static bool later(const Waiting& a, const Waiting& b) noexcept { return a.due > b.due; }

    /// A sleep may end this much too late.
    static constexpr uint64_t watch_us = 100;

    bool poll() {
        const uint64_t now = bdk_get_ticks();
        bool found = false;
        while (!waiting_.empty() && waiting_.front().due <= now) {
            std::pop_heap(waiting_.begin(), waiting_.end(), later);
            const Io io = waiting_.back().io;
            waiting_.pop_back();
            io.complete_like(io);
            found = true;
        }
        wait_for_next();
        return found;
    }

    bool wake() {
        timer_.stop();
        poll();
        return true;
    }

    void wait_for_next() {
        const uint64_t ticks_per_us = bdk_get_ticks_hz() / 1'000'000;
        const uint64_t now = bdk_get_ticks();
        const uint64_t left_us =
            waiting_.empty() || waiting_.front().due < now ? 0 : (waiting_.front().due - now) / ticks_per_us;
        const bool near = !waiting_.empty() && left_us <= watch_us;
        if (near != polling_) near ? poller_.resume() : poller_.pause();
        polling_ = near;
        timer_.stop();
        if (left_us > watch_us)
            timer_ = bdevkit::Poller::start<&DelayQueue::wake>(this, name_,
                                                               std::chrono::microseconds(left_us - watch_us));
    }

    const char* name_;
    std::vector<Waiting> waiting_;  ///< a heap, the next one first
    bdevkit::Poller poller_;
    bdevkit::Poller timer_;
    bool polling_ = false;
};

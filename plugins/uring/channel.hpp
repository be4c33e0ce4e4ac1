// SPDX-License-Identifier: BSD-3-Clause
// The rings of a thread, and the poller that serves them.
#pragma once

#include <bdevkit/bdevkit.hpp>

#include <optional>

#include "ring.hpp"

/// `Owner` must have name() and ended(Channel&, Io, int result, uint64_t detail), which Ring::turn() calls.
template <class Owner>
class UringChannel {
public:
    UringChannel(Owner& owner, std::span<const int> files, const Ring::Options& options)
        : owner_(owner),
          ring_(
              files,
              {.sqpoll = options.sqpoll, .nvme = options.nvme, .ahead = options.ahead, .heap = options.heap}),
          poller_(bdevkit::Poller::start<&UringChannel::poll>(this, owner.name())),
          interrupt_(bdevkit::Interrupt::start<&UringChannel::on_event>(ring_.event_fd(), BDK_INTERRUPT_IN,
                                                                        this, owner.name())) {
        if (options.iopoll) polled_.emplace(files, options);
        poller_.pause();
    }

    /// A walk does not keep the channel alive, so it may be destroyed before drain() has ended.
    ~UringChannel() { end_drain(); }
    UringChannel(const UringChannel&) = delete;
    UringChannel& operator=(const UringChannel&) = delete;

    /// A polling ring accepts only reads and writes.
    Ring& ring(bool moves_data) noexcept { return moves_data && polled_ ? *polled_ : ring_; }

    /// Call it after an operation has been prepared.
    void wake_up() {
        if (!paused_) [[likely]]
            return;
        if (std::exchange(armed_, false)) ring_.disarm();
        paused_ = false;
        poller_.resume();
    }

    /// Performs a reset: cancels all I/O in flight on every channel, and completes `reset` when it has ended.
    /// New I/O waits in the core meanwhile.
    static void drain_all(Owner& owner, bdevkit::Io reset) {
        bdk_for_each_channel(
            &owner,
            [](bdk_io_channel_iter* walk) {
                bdk_io_channel* ch = bdk_io_channel_iter_get_channel(walk);
                static_cast<typename Owner::Channel*>(bdk_io_channel_get_ctx(ch))->drain(walk);
            },
            reset.get(),
            [](bdk_io_channel_iter* walk, int) {
                bdevkit::Io(static_cast<bdk_bdev_io*>(bdk_io_channel_iter_get_ctx(walk))).complete();
            });
    }

    /// Cancels all I/O in flight, and continues the walk when it has ended.
    void drain(bdk_io_channel_iter* walk) {
        ring_.cancel(nullptr);
        draining_ = walk;
        wake_up();
    }

    /// True while a reset waits for the I/O in flight.
    bool is_draining() const noexcept { return draining_ != nullptr; }

protected:
    /// Counts the turns of the rings. Each turn submits prepared operations to the kernel.
    uint32_t turns() const noexcept { return turns_; }

private:
    /// Turns without work before a channel with nothing in flight pauses.
    static constexpr uint32_t idle_turns_before_pause = 64;
    /// The poller polls this long and then sleeps. Waking up costs up to 50 us on a virtual machine, so it
    /// polls longer if the previous sleep was short.
    static constexpr uint64_t least_patience_us = 100, most_patience_us = 1000;

    bool poll() {
        const auto done = [this](void* io, int result, uint64_t detail) {
            owner_.ended(static_cast<typename Owner::Channel&>(*this),
                         bdevkit::Io(static_cast<bdk_bdev_io*>(io)), result, detail);
        };
        turns_++;
        bool busy = ring_.turn(done);
        if (polled_) busy |= polled_->turn(done);
        if (busy) {
            idle_turns_ = 0;
            return true;
        }
        if (in_flight() == 0) end_drain();
        rest();
        return false;
    }

    bool on_event() {
        patience_ =
            us(bdk_get_ticks() - idle_since_ < us(most_patience_us) ? most_patience_us : least_patience_us);
        wake_up();
        return poll();
    }

    void end_drain() {
        if (draining_ != nullptr) bdk_for_each_channel_continue(std::exchange(draining_, nullptr), 0);
    }

    unsigned in_flight() const noexcept { return ring_.in_flight() + (polled_ ? polled_->in_flight() : 0); }

    /// In ticks.
    static uint64_t us(uint64_t microseconds) { return bdk_get_ticks_hz() / 1'000'000 * microseconds; }

    void rest() {
        const bool waiting = in_flight() != 0;
        if (idle_turns_++ == 0) idle_since_ = bdk_get_ticks();
        if (waiting ? bdk_get_ticks() - idle_since_ < patience_ : idle_turns_ < idle_turns_before_pause)
            return;
        if (waiting) {
            if (polled_ && polled_->in_flight() != 0) return;
            if (!ring_.arm()) return;
            armed_ = true;
        }
        paused_ = true;
        poller_.pause();
    }

    Owner& owner_;
    Ring ring_;
    std::optional<Ring> polled_;
    bdevkit::Poller poller_;
    bdevkit::Interrupt interrupt_;
    bdk_io_channel_iter* draining_ = nullptr;
    uint64_t idle_since_ = 0;
    uint64_t patience_ = us(least_patience_us);
    uint32_t idle_turns_ = 0;
    uint32_t turns_ = 0;
    bool paused_ = true;
    bool armed_ = false;
};

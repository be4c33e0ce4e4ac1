// SPDX-License-Identifier: BSD-3-Clause
// The rings of a thread, and when they are looked at.
#pragma once

#include <bdevkit/bdevkit.hpp>

#include <optional>

#include "ring.hpp"

/// `Owner` has ended(Channel&, Io, int result, uint64_t detail), as Ring::turn() calls it, and name().
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

    /// A walk does not keep the channel: it may go before drain() has ended.
    ~UringChannel() { end_drain(); }
    UringChannel(const UringChannel&) = delete;
    UringChannel& operator=(const UringChannel&) = delete;

    /// A ring that polls takes nothing but reads and writes.
    Ring& ring(bool moves_data) noexcept { return moves_data && polled_ ? *polled_ : ring_; }

    /// Something has been prepared.
    void wake_up() {
        if (!paused_) [[likely]]
            return;
        if (std::exchange(armed_, false)) ring_.disarm();
        paused_ = false;
        poller_.resume();
    }

    /// A reset: asks for the end of all that is in flight on any channel, and completes `reset` when it has
    /// come. New I/O waits in the core meanwhile.
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

    /// Asks for the end of all that is in flight, and lets the walk go on when it has come.
    void drain(bdk_io_channel_iter* walk) {
        ring_.cancel(nullptr);
        draining_ = walk;
        wake_up();
    }

    /// A reset waits for the end of all that is in flight.
    bool is_draining() const noexcept { return draining_ != nullptr; }

protected:
    /// Grows with each look at the rings, which is when what has been prepared goes to the kernel.
    uint32_t turns() const noexcept { return turns_; }

private:
    /// Turns without work before a channel that has nothing in flight pauses.
    static constexpr uint32_t idle_turns_before_pause = 64;
    /// What takes longer is waited for asleep. To wake up costs up to 50 us on a virtual machine, so that a
    /// wait is spent awake where the one before would have ended in time.
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

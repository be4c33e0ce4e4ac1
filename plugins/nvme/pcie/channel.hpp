// SPDX-License-Identifier: BSD-3-Clause
// The part of a controller that one thread has: an I/O queue pair, which the namespaces share on this thread.
#pragma once

#include <bdevkit/bdevkit.hpp>

#include <memory>
#include <optional>

#include "../controller.hpp"
#include "channel_owner.hpp"
#include "flights.hpp"
#include "io_queue.hpp"

namespace nvme::pcie {

/// Why the controller has dropped its commands.
enum class EndReason {
    reset,  ///< it starts again: a command that may be repeated is
    gone,   ///< it is lost
};

/// The context of the controller's io_channel. Its queue changes hands by its state: while it is `ready` or
/// `quiet`, only this thread touches it; when it is `stopped` it is the controller's, which alone may make it
/// ready again. So neither ever takes a lock for an I/O.
///
///   ready --quiesce()--> quiet --nothing in flight--> stopped --the controller has made it again--> ready
///
/// end_all() ends what is in flight in any state; with a lost controller the state is `failed`, for good.
class Channel {
public:
    /// [bdk thread] Throws bdevkit::Error.
    explicit Channel(ChannelOwner& owner);
    ~Channel();
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    // Each: [channel's thread].
    bool submit(bdevkit::Io io, const Request& request);
    bool submit_fused(bdevkit::Io io, const Request& first, const Request& second);
    void abort(bdevkit::Io abort);
    /// The controller is about to be stopped: nothing is submitted from now on.
    void quiesce();
    /// The controller has been stopped: ends all I/O in flight.
    /// @param of  the bdev whose I/O ends as aborted instead of being repeated; may be NULL
    void end_all(EndReason end, const bdk_bdev* of);

private:
    bool refuses(bdevkit::Io io, const Data& data);
    bool is_ready() const noexcept {
        return queue_->state.load(std::memory_order_acquire) == IoQueue::State::ready;
    }
    std::optional<uint16_t> begin(bdevkit::Io io, const Request& request);
    bool poll();
    bool on_interrupt();
    bool look_asleep();
    void rest();
    void stop_if_idle();
    void on_ended(uint16_t cid, Status status);
    void look_for_late_commands(uint64_t now);
    void wake_up();

    ChannelOwner& owner_;
    const uint64_t timeout_ticks_;
    std::shared_ptr<IoQueue> queue_;
    Flights flights_;
    bdevkit::Poller poller_;
    bdevkit::Interrupt interrupt_;  ///< if the queue has one
    bdevkit::Poller watch_;         ///< looks for late commands while this thread waits for the interrupt
    uint64_t idle_since_ = 0;
    uint64_t looked_ = 0;  ///< when late commands were looked for last, in ticks
    uint32_t idle_turns_ = 0;
    bool paused_ = true;
};

}  // namespace nvme::pcie

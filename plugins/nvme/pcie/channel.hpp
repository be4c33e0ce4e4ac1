// SPDX-License-Identifier: BSD-3-Clause
// What a thread has of a controller: an I/O queue pair that all its namespaces share on this thread.
#pragma once

#include <bdevkit/bdevkit.hpp>

#include <memory>
#include <optional>

#include "../controller.hpp"
#include "flights.hpp"
#include "io_queue.hpp"

namespace nvme::pcie {

class VfioController;

/// Why commands end that the controller no longer has.
enum class EndReason {
    reset,  ///< the controller starts again: what may be repeated is
    gone,   ///< there is no controller any more
};

/// The context of the controller's io_channel.
class Channel {
public:
    /// [bdk thread] Throws bdevkit::Error.
    explicit Channel(VfioController& controller);
    ~Channel();
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    // Each: [channel's thread].
    bool submit(bdevkit::Io io, const Request& request);
    bool submit_fused(bdevkit::Io io, const Request& first, const Request& second);
    void abort(bdevkit::Io abort);
    /// The controller is about to be stopped: submits nothing from now on.
    void quiesce();
    /// The controller has been stopped: ends all that is in flight.
    /// @param of  the bdev whose I/O is not to be repeated; may be NULL
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
    void ended(uint16_t cid, Status status);
    void look_for_late_commands(uint64_t now);
    void wake_up();

    VfioController& controller_;
    std::shared_ptr<IoQueue> queue_;
    Flights flights_;
    bdevkit::Poller poller_;
    bdevkit::Interrupt interrupt_;  ///< where the queue has one
    bdevkit::Poller watch_;         ///< for late commands, while the interrupt is waited for
    uint64_t idle_since_ = 0;
    uint64_t looked_ = 0;  ///< for late commands, in ticks
    uint32_t idle_turns_ = 0;
    bool paused_ = true;
};

}  // namespace nvme::pcie

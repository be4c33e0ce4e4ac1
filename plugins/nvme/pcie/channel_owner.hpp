// SPDX-License-Identifier: BSD-3-Clause
// The part of a controller that its channels call. Through it a channel needs no other knowledge of the
// controller.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace nvme::pcie {

struct IoQueue;

/// Outlives its channels. Each function: [bdk thread].
class ChannelOwner {
public:
    /// A queue of the channel's own, which becomes ready later. Throws bdevkit::Error when all are taken.
    virtual std::shared_ptr<IoQueue> take_queue() = 0;
    /// Gives the queue back, with nothing in flight.
    virtual void give_queue(std::shared_ptr<IoQueue> queue) = 0;
    /// Asks the controller to abort a command; done(aborted) runs on the calling thread.
    virtual void abort(uint16_t queue, uint16_t cid, std::function<void(bool aborted)> done) = 0;
    /// Commands have not ended although they were aborted.
    virtual void on_commands_late() = 0;
    /// How long a command may take; 0: any time. Does not change.
    virtual uint64_t timeout_ticks() const noexcept = 0;

protected:
    ~ChannelOwner() = default;
};

}  // namespace nvme::pcie

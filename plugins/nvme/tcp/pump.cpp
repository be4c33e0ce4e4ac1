// SPDX-License-Identifier: BSD-3-Clause
#include "pump.hpp"

#include <bdevkit/thread.h>

namespace nvme::tcp {

Pump::Pump(std::unique_ptr<Connection> connection, Protocol::OnEnded on_ended, OnLost on_lost)
    : connection_(std::move(connection)),
      on_lost_(std::move(on_lost)),
      poller_(bdevkit::Poller::start<&Pump::poll>(this, "nvme_tcp")),
      interrupt_(
          bdevkit::Interrupt::start<&Pump::on_event>(connection_->fd(), BDK_INTERRUPT_IN, this, "nvme_tcp")) {
    connection_->set_on_ended(std::move(on_ended));
    poller_.pause();
}

bool Pump::poll() {
    const bool busy = connection_->turn();
    if (!connection_->failure().empty()) {
        // The owner may destroy this object in the call.
        const std::string reason = connection_->failure();
        if (const OnLost on_lost = std::exchange(on_lost_, nullptr)) on_lost(reason);
        return true;
    }
    if (busy)
        idle_turns_ = 0;
    else
        rest();
    return busy;
}

bool Pump::on_event() {
    wake_up();
    return poll();
}

void Pump::rest() {
    const bool waiting = connection_->protocol().in_flight() != 0 || connection_->is_blocked();
    if (idle_turns_++ == 0) idle_since_ = bdk_get_ticks();
    if (waiting ? bdk_get_ticks() - idle_since_ < patience_ : idle_turns_ < idle_turns_before_pause) return;
    if (std::exchange(waits_for_room_, connection_->is_blocked()) != waits_for_room_)
        interrupt_.set_events(BDK_INTERRUPT_IN | (waits_for_room_ ? BDK_INTERRUPT_OUT : 0u));
    paused_ = true;
    poller_.pause();
}

}  // namespace nvme::tcp

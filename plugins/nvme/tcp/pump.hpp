// SPDX-License-Identifier: BSD-3-Clause
// Drives a connection from a bdk thread.
#pragma once

#include <bdevkit/poller.hpp>

#include "connection.hpp"

namespace nvme::tcp {

/// A poller drives the connection while commands are in flight. When they take longer than patience_us, the
/// poller pauses and an event of the socket resumes it. When nothing is in flight it pauses as well. A
/// connection that has failed is reported once.
class Pump {
public:
    /// The connection has failed. Called in a turn of its own, at most once. May destroy the pump.
    using OnLost = std::function<void(const std::string& reason)>;

    /// [bdk thread, like all functions] Commands end by `on_ended` from now on. Throws bdevkit::Error.
    Pump(std::unique_ptr<Connection> connection, Protocol::OnEnded on_ended, OnLost on_lost);
    Pump(const Pump&) = delete;
    Pump& operator=(const Pump&) = delete;

    Protocol& protocol() noexcept { return connection_->protocol(); }
    Connection& connection() noexcept { return *connection_; }

    /// A command has been submitted. It is sent in the next turn.
    void wake_up() {
        if (!paused_) [[likely]]
            return;
        paused_ = false;
        poller_.resume();
    }

private:
    /// Turns without work before the poller pauses when nothing is in flight.
    static constexpr uint32_t idle_turns_before_pause = 64;
    /// How long it polls for commands in flight before the thread may sleep.
    static constexpr uint64_t patience_us = 100;

    bool poll();
    bool on_event();
    void rest();

    std::unique_ptr<Connection> connection_;
    OnLost on_lost_;
    bdevkit::Poller poller_;
    bdevkit::Interrupt interrupt_;
    uint64_t idle_since_ = 0;
    uint64_t patience_ = bdk_get_ticks_hz() / 1'000'000 * patience_us;
    uint32_t idle_turns_ = 0;
    bool paused_ = true;
    bool waits_for_room_ = false;  ///< the interrupt also waits until the socket accepts more output
};

}  // namespace nvme::tcp

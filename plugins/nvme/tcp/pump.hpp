// SPDX-License-Identifier: BSD-3-Clause
// Drives a connection from a bdk thread: by a poller while something is under way, by its socket's events
// when that takes longer.
#pragma once

#include <bdevkit/poller.hpp>

#include "connection.hpp"

namespace nvme::tcp {

class Pump {
public:
    /// Runs in a turn of its own, at most once; it may destroy the pump.
    using OnLost = std::function<void(const std::string& reason)>;

    /// [bdk thread, as all below] Commands end by `on_ended` from now on. Throws bdevkit::Error.
    Pump(std::unique_ptr<Connection> connection, Protocol::OnEnded on_ended, OnLost on_lost);
    Pump(const Pump&) = delete;
    Pump& operator=(const Pump&) = delete;

    Protocol& protocol() noexcept { return connection_->protocol(); }
    Connection& connection() noexcept { return *connection_; }

    /// A command has been submitted: it is sent in the next turn.
    void wake_up() {
        if (!paused_) [[likely]]
            return;
        paused_ = false;
        poller_.resume();
    }

private:
    /// Turns without work before it pauses when nothing is in flight.
    static constexpr uint32_t idle_turns_before_pause = 64;
    /// What takes longer is waited for asleep.
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
    bool waits_for_room_ = false;  ///< the interrupt tells when the socket takes more
};

}  // namespace nvme::tcp

// SPDX-License-Identifier: BSD-3-Clause
// The part of a queue that goes by one path.
#pragma once

#include <deque>
#include <optional>

#include "ana.hpp"
#include "pump.hpp"

namespace nvme::tcp {

class Lane;

/// An I/O in flight.
struct Flight {
    bdk_bdev_io* io = nullptr;  ///< NULL: the place is free
    Request request{};
    uint64_t started = 0;  ///< ticks
    uint32_t retries = 0;
    const Lane* failed_by = nullptr;  ///< the lane by which it failed: another one is preferred
    bool must_end = false;            ///< its connection broke, and it must not be carried out twice
    bool is_late = false;
};

/// A lane is connected while the queue has a connection by this path, and disconnected until the next one. It
/// is usable when it is connected and the path gives access to the namespace. Used on the queue's thread.
class Lane {
public:
    /// A command has ended, and its place is free. The call may start other flights.
    using OnEnded = std::function<void(Lane& lane, Flight flight, const Result& result)>;
    /// The connection has broken. Called in a turn of its own; may disconnect the lane.
    using OnLost = std::function<void(Lane& lane, const std::string& reason)>;

    /// @param generation  of the path's connections
    /// @param access  of the path to the queue's namespace
    Lane(size_t path, uint32_t generation, Access access, OnEnded on_ended, OnLost on_lost)
        : path_(path),
          generation_(generation),
          access_(access),
          on_ended_(std::move(on_ended)),
          on_lost_(std::move(on_lost)) {}
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    size_t path() const noexcept { return path_; }
    uint32_t generation() const noexcept { return generation_; }
    bool is_connected() const noexcept { return pump_.has_value(); }
    Access access() const noexcept { return access_; }
    void set_access(Access access) noexcept { access_ = access; }
    /// Whether I/O may take this lane now.
    bool is_usable() const noexcept { return is_connected() && access_ <= Access::non_optimized; }
    size_t in_flight() const noexcept { return flights_.size() - free_.size(); }

    /// To be called when disconnected.
    void connect(uint32_t generation, std::unique_ptr<Connection> connection);
    /// @param generation  of the next connection
    /// @return the flights; the target may have carried them out
    std::deque<Flight> disconnect(uint32_t generation);

    /// To be called when connected. @return as Protocol::submit()
    int start(const Flight& flight);
    /// Marks flights that have taken more than `patience` ticks. @return whether there are any
    bool mark_late(uint64_t patience);

    /// Reserves the identifier of an I/O's command until let_go(). @return the identifier, or -ENOENT
    int hold(const bdk_bdev_io* io);
    void let_go(uint16_t cid) { pump_->protocol().let_go(cid); }

private:
    void on_ended(Flight& flight, const Result& result);

    const size_t path_;
    uint32_t generation_;
    Access access_;
    const OnEnded on_ended_;
    const OnLost on_lost_;
    std::optional<Pump> pump_;
    std::vector<Flight> flights_;  ///< the places, as many as the queue has
    std::vector<Flight*> free_;
};

}  // namespace nvme::tcp

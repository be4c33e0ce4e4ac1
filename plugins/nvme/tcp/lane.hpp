// SPDX-License-Identifier: BSD-3-Clause
// What a queue has in flight by one path to the controller.
#pragma once

#include <deque>
#include <optional>

#include "ana.hpp"
#include "pump.hpp"

namespace nvme::tcp {

class Lane;

/// An I/O under way.
struct Flight {
    bdk_bdev_io* io = nullptr;  ///< NULL: free
    Request request{};
    uint64_t started = 0;  ///< ticks
    uint32_t retries = 0;
    const Lane* failed_by = nullptr;  ///< another one is better
    bool must_end = false;            ///< its connection went, and it may not be carried out twice
    bool is_late = false;
};

/// A queue's connection by one path, while there is one. Used on the queue's thread.
class Lane {
public:
    /// The lane keeps nothing of the flight. May start others.
    using OnEnded = std::function<void(Lane& lane, Flight flight, const Result& result)>;
    /// Called in a turn of its own. May disconnect the lane.
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
    /// Whether I/O may go there now.
    bool is_usable() const noexcept { return is_connected() && access_ <= Access::non_optimized; }
    size_t in_flight() const noexcept { return flights_.size() - free_.size(); }

    /// It has no connection, and nothing in flight.
    void connect(uint32_t generation, std::unique_ptr<Connection> connection);
    /// @param generation  that its next connection belongs to
    /// @return what was in flight, which may have been carried out
    std::deque<Flight> disconnect(uint32_t generation);

    /// It is connected. @return as Protocol::submit()
    int start(const Flight& flight);
    /// Marks what has been under way for more than so many ticks. @return whether anything has
    bool mark_late(uint64_t patience);

    /// The identifier of the I/O's command, which is not given to another until let_go(); -ENOENT.
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
    std::vector<Flight> flights_;  ///< as many as the queue takes
    std::vector<Flight*> free_;
};

}  // namespace nvme::tcp

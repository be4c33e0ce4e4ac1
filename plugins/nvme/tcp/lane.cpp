// SPDX-License-Identifier: BSD-3-Clause
#include "lane.hpp"

#include <algorithm>
#include <cerrno>

void TcpLane::connect(uint32_t generation, std::unique_ptr<TcpConnection> connection) {
    generation_ = generation;
    flights_.assign(connection->protocol().depth(), {});
    free_.clear();
    for (TcpFlight& flight : flights_)
        free_.push_back(&flight);
    pump_.emplace(
        std::move(connection),
        [this](void* flight, const TcpResult& result) { ended(*static_cast<TcpFlight*>(flight), result); },
        [this](const std::string& reason) { lost_(*this, reason); });
}

std::deque<TcpFlight> TcpLane::disconnect(uint32_t generation) {
    generation_ = generation;
    std::deque<TcpFlight> taken;
    if (pump_)
        pump_->protocol().drop_all([&](void* owner) {
            TcpFlight& flight = taken.emplace_back(*static_cast<TcpFlight*>(owner));
            flight.must_end = !nvme_is_repeatable(bdevkit::Io(flight.io));
        });
    pump_.reset();
    flights_.clear();
    free_.clear();
    return taken;
}

int TcpLane::start(const TcpFlight& given) {
    if (free_.empty()) return -EAGAIN;
    TcpFlight& flight = *free_.back();
    flight = given;
    flight.started = bdk_get_ticks();
    const int cid = pump_->protocol().submit(flight.request.command, flight.request.data, &flight);
    if (cid < 0) {
        flight.io = nullptr;
        return cid;
    }
    free_.pop_back();
    pump_->wake_up();
    return cid;
}

void TcpLane::ended(TcpFlight& slot, const TcpResult& result) {
    const TcpFlight flight = slot;
    slot.io = nullptr;
    free_.push_back(&slot);
    ended_(*this, flight, result);
}

bool TcpLane::mark_late(uint64_t patience) {
    const uint64_t now = bdk_get_ticks();
    bool any = false;
    for (TcpFlight& flight : flights_) {
        flight.is_late = flight.io != nullptr && now - flight.started > patience;
        any |= flight.is_late;
    }
    return any;
}

int TcpLane::hold(const bdk_bdev_io* io) {
    const auto flight =
        std::find_if(flights_.begin(), flights_.end(), [io](const TcpFlight& each) { return each.io == io; });
    const int cid = flight == flights_.end() ? -ENOENT : pump_->protocol().find(&*flight);
    if (cid >= 0) pump_->protocol().hold(uint16_t(cid));
    return cid;
}

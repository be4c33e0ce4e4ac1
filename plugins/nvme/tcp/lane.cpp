// SPDX-License-Identifier: BSD-3-Clause
#include "lane.hpp"

#include <algorithm>
#include <cerrno>

namespace nvme::tcp {

void Lane::connect(uint32_t generation, std::unique_ptr<Connection> connection) {
    generation_ = generation;
    flights_.assign(connection->protocol().depth(), {});
    free_.clear();
    for (Flight& flight : flights_)
        free_.push_back(&flight);
    pump_.emplace(
        std::move(connection),
        [this](void* flight, const Result& result) { on_ended(*static_cast<Flight*>(flight), result); },
        [this](const std::string& reason) { on_lost_(*this, reason); });
}

std::deque<Flight> Lane::disconnect(uint32_t generation) {
    generation_ = generation;
    std::deque<Flight> taken;
    if (pump_)
        pump_->protocol().drop_all([&](void* owner) {
            Flight& flight = taken.emplace_back(*static_cast<Flight*>(owner));
            flight.must_end = !is_repeatable(bdevkit::Io(flight.io));
        });
    pump_.reset();
    flights_.clear();
    free_.clear();
    return taken;
}

int Lane::start(const Flight& given) {
    if (free_.empty()) return -EAGAIN;
    Flight& flight = *free_.back();
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

void Lane::on_ended(Flight& slot, const Result& result) {
    const Flight flight = slot;
    slot.io = nullptr;
    free_.push_back(&slot);
    on_ended_(*this, flight, result);
}

bool Lane::mark_late(uint64_t patience) {
    const uint64_t now = bdk_get_ticks();
    bool any = false;
    for (Flight& flight : flights_) {
        flight.is_late = flight.io != nullptr && now - flight.started > patience;
        any |= flight.is_late;
    }
    return any;
}

int Lane::hold(const bdk_bdev_io* io) {
    const auto flight =
        std::find_if(flights_.begin(), flights_.end(), [io](const Flight& each) { return each.io == io; });
    const int cid = flight == flights_.end() ? -ENOENT : pump_->protocol().find(&*flight);
    if (cid >= 0) pump_->protocol().hold(uint16_t(cid));
    return cid;
}

}  // namespace nvme::tcp

// SPDX-License-Identifier: BSD-3-Clause
#include "multipath_queue.hpp"

#include <nvme/types.h>

#include <algorithm>
#include <functional>
#include <iterator>

#include "subsystem.hpp"

namespace nvme::tcp {

using bdevkit::format, bdevkit::Io, bdevkit::IoStatus, bdevkit::IoType, bdevkit::LogLevel;

namespace {

constexpr uint32_t most_retries = 4;
/// Each one is after the controller has said that it gives access: one that always contradicts itself must
/// not have it forever.
constexpr uint32_t most_access_retries = 64;

/// Statuses of a way that failed, not of the command.
bool is_passing(const Result& result) {
    constexpr uint8_t interrupted = 0x21, transient_transport_error = 0x22;
    if (result.do_not_retry) return false;
    if (result.sct == NVME_SCT_PATH) return true;
    return result.sct == NVME_SCT_GENERIC && (result.sc == NVME_SC_ABORT_QUEUE || result.sc == interrupted ||
                                              result.sc == transient_transport_error);
}

/// The namespace cannot be accessed by this path now.
bool is_of_access(const Result& result) {
    return !result.do_not_retry && result.sct == NVME_SCT_PATH && result.sc >= NVME_SC_ANA_PERSISTENT_LOSS &&
           result.sc <= NVME_SC_ANA_TRANSITION;
}

void complete_inaccessible(Io io) {
    bdk_bdev_io_complete_nvme_status(io.get(), 0, NVME_SCT_PATH, NVME_SC_ANA_INACCESSIBLE);
}

}  // namespace

MultipathQueue::MultipathQueue(Subsystem& controller, uint32_t nsid)
    : controller_(controller), link_(std::make_shared<QueueLink>(*this, nsid, controller.paths())) {
    for (const auto& [generation, access] : controller_.join(link_))
        lanes_.emplace_back(
            lanes_.size(), generation, access,
            [this](Lane& lane, Flight flight, const Result& result) { ended(lane, flight, result); },
            [this](Lane& lane, const std::string& reason) { lost(lane, reason); });
    if (const auto timeout = controller_.command_timeout(); timeout.count() != 0)
        look_ = bdevkit::Poller::start<&MultipathQueue::look_for_late>(this, "nvme_tcp_timeout", timeout / 4);
}

MultipathQueue::~MultipathQueue() {
    link_->cut();
    lanes_.clear();
    controller_.leave(link_);
    end_drain();
}

bool MultipathQueue::submit(Io io, const Request& request, bool admin) {
    if (given_up_) {
        io.complete_errno(-ENXIO);
        return true;
    }
    if (admin) {
        controller_.run_for(link_, io, request);
        return true;
    }
    const Flight flight{.io = io.get(), .request = request};
    if (!waiting_.empty() && choose(flight) != nullptr) return false;
    const int cid = start(flight);
    if (cid == -EAGAIN) return false;
    if (cid == -ENOTCONN && is_inaccessible_)
        complete_inaccessible(io);
    else if (cid == -ENOTCONN)
        waiting_.push_back(flight);
    else if (cid < 0)
        io.complete_errno(cid);
    return true;
}

/// The best one that can be used now; NULL: none.
Lane* MultipathQueue::choose(const Flight& flight) {
    Lane* best = nullptr;
    for (size_t i = 0; i < lanes_.size(); i++) {
        Lane& lane = lanes_[(next_ + i) % lanes_.size()];
        if (lane.is_usable() && (best == nullptr || is_better(lane, *best, flight))) best = &lane;
    }
    return best;
}

bool MultipathQueue::is_better(const Lane& lane, const Lane& than, const Flight& flight) const {
    if (&than == flight.failed_by) return true;
    if (&lane == flight.failed_by) return false;
    if (lane.access() != than.access()) return lane.access() < than.access();
    return controller_.spreads() && lane.in_flight() < than.in_flight();
}

/// @return as Protocol::submit(), and -ENOTCONN when there is no path now
int MultipathQueue::start(const Flight& flight) {
    Lane* lane = choose(flight);
    if (lane == nullptr) return -ENOTCONN;
    const int cid = lane->start(flight);
    if (cid < 0) return cid;
    link_->count(lane->path());
    if (controller_.spreads()) next_ = lane->path() + 1;
    return cid;
}

/// Whether the I/O is to be submitted again, by another path if there is one.
bool MultipathQueue::is_to_retry(Lane& lane, Flight& flight, const Result& result) {
    if (is_of_access(result)) {
        if (lane.is_usable()) {
            lane.set_access(Access::unknown);
            look_at_access();
            controller_.doubt(lane.path());
        }
        return flight.retries++ < most_access_retries;
    }
    flight.failed_by = &lane;
    return is_passing(result) && flight.retries++ < most_retries;
}

void MultipathQueue::ended(Lane& lane, Flight flight, const Result& result) {
    if (is_to_retry(lane, flight, result))
        waiting_.push_back(flight);
    else
        finish(flight, result);
    start_waiting();
}

void MultipathQueue::finish(const Flight& flight, const Result& result) {
    const Io io(flight.io);
    if (result.ok() && io.type() == IoType::read && result.bytes != flight.request.data.bytes) {
        bdevkit::log(LogLevel::error, BDK_LOG_COMPONENT,
                     format("%s: success of a read with %u bytes instead of %u", controller_.name().c_str(),
                            result.bytes, flight.request.data.bytes));
        return io.complete_errno(-EIO);
    }
    bdk_bdev_io_complete_nvme_status(io.get(), uint32_t(result.result), result.sct, result.sc);
}

void MultipathQueue::start_waiting() {
    while (!waiting_.empty()) {
        const int cid = start(waiting_.front());
        if (cid == -ENOTCONN && is_inaccessible_) return refuse_waiting();
        if (cid == -EAGAIN || cid == -ENOTCONN) return;
        const Io io(waiting_.front().io);
        waiting_.pop_front();
        if (cid < 0) io.complete_errno(cid);
    }
    if (is_idle()) end_drain();
}

// ---- connections ----

void MultipathQueue::connected(size_t path, uint32_t generation, std::unique_ptr<Connection> connection) {
    Lane& lane = lanes_[path];
    if (given_up_ || generation < lane.generation()) return;  // it comes late
    take_back(lane, generation, nullptr);
    lane.connect(generation, std::move(connection));
    look_at_access();
    start_waiting();
}

void MultipathQueue::set_access(size_t path, Access access) {
    lanes_[path].set_access(access);
    look_at_access();
    start_waiting();
}

void MultipathQueue::look_at_access() {
    const bool usable = std::any_of(lanes_.begin(), lanes_.end(), std::mem_fn(&Lane::is_usable));
    const bool any = std::any_of(lanes_.begin(), lanes_.end(), std::mem_fn(&Lane::is_connected));
    if (usable || !any) {
        access_timer_.stop();
        is_inaccessible_ = false;
    } else if (std::all_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) {
                   return lane.is_connected() && lane.access() == Access::none;
               })) {
        if (!is_inaccessible_) access_is_late();
    } else if (!access_timer_ && !is_inaccessible_) {
        access_timer_ = bdevkit::Poller::start<&MultipathQueue::access_is_late>(this, "nvme_tcp_access",
                                                                                controller_.loss_timeout());
    }
}

bool MultipathQueue::access_is_late() {
    access_timer_.stop();
    is_inaccessible_ = true;
    bdevkit::log(LogLevel::error, BDK_LOG_COMPONENT,
                 format("%s: no path gives access to namespace %u: its I/O fails until one does",
                        controller_.name().c_str(), link_->nsid));
    refuse_waiting();
    return true;
}

void MultipathQueue::refuse_waiting() {
    for (const Flight& flight : std::exchange(waiting_, {}))
        complete_inaccessible(Io(flight.io));
    if (is_idle()) end_drain();
}

/// The lane's connection goes.
/// @param reset  the bdev whose I/O ends as aborted; may be NULL
void MultipathQueue::take_back(Lane& lane, uint32_t generation, const bdk_bdev* reset) {
    std::deque<Flight> flights = lane.disconnect(generation);
    std::move(waiting_.begin(), waiting_.end(), std::back_inserter(flights));
    waiting_.clear();
    const auto goes_on = [reset](const Flight& flight) {
        return !flight.must_end && !flight.is_late && flight.io->bdev != reset;
    };
    std::copy_if(flights.begin(), flights.end(), std::back_inserter(waiting_), goes_on);
    std::erase_if(flights, goes_on);
    for (const Flight& flight : flights)
        if (flight.is_late)
            Io(flight.io).complete_errno(-ETIMEDOUT);
        else
            Io(flight.io).complete(IoStatus::aborted);
    look_at_access();
}

void MultipathQueue::lost(Lane& lane, const std::string& reason) {
    const uint32_t generation = lane.generation();
    take_back(lane, generation, nullptr);
    start_waiting();
    controller_.lost(lane.path(), generation, reason);
}

void MultipathQueue::disconnect(size_t path, uint32_t generation, const bdk_bdev* reset) {
    take_back(lanes_[path], generation, reset);
    start_waiting();
}

void MultipathQueue::give_up() {
    for (Lane& lane : lanes_)
        take_back(lane, lane.generation(), nullptr);
    given_up_ = true;
    for (const Flight& flight : std::exchange(waiting_, {}))
        Io(flight.io).complete_errno(-ENXIO);
    end_drain();
}

bool MultipathQueue::look_for_late() {
    const uint64_t patience = bdk_get_ticks_hz() / 1000 * uint64_t(controller_.command_timeout().count());
    bool any = false;
    for (Lane& lane : lanes_) {
        if (!lane.mark_late(patience)) continue;
        lost(lane, "a command does not end in time");
        any = true;
    }
    return any;
}

// ---- what is not I/O ----

void MultipathQueue::admin_ended(Io io, const std::optional<Result>& result) {
    constexpr uint32_t aborted_by_host = 0x71;
    if (result)
        bdk_bdev_io_complete_nvme_status(io.get(), uint32_t(result->result), result->sct, result->sc);
    else
        bdk_bdev_io_complete_nvme_status(io.get(), 0, NVME_SCT_PATH, aborted_by_host);
}

void MultipathQueue::abort(Io abort) {
    bdk_bdev_io* victim = abort->u.abort.bio_to_abort;
    const auto waits = std::find_if(waiting_.begin(), waiting_.end(),
                                    [victim](const Flight& flight) { return flight.io == victim; });
    if (waits != waiting_.end()) {
        waiting_.erase(waits);
        Io(victim).complete(IoStatus::aborted);
        return abort.complete();
    }
    for (Lane& lane : lanes_)
        if (const int cid = lane.hold(victim); cid >= 0)
            return controller_.abort_for(link_, lane.path(), lane.generation(), uint16_t(cid), abort);
    abort.complete(IoStatus::failed);
}

void MultipathQueue::abort_ended(size_t path, uint32_t generation, uint16_t cid, Io abort, bool aborted) {
    Lane& lane = lanes_[path];
    if (lane.is_connected() && generation == lane.generation()) {
        lane.let_go(cid);
        start_waiting();
    }
    abort.complete(aborted ? IoStatus::success : IoStatus::failed);
}

void MultipathQueue::drain(bdk_io_channel_iter* walk) {
    draining_ = walk;
    if (given_up_ || is_idle()) end_drain();
}

bool MultipathQueue::is_idle() const {
    return waiting_.empty() &&
           std::none_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.in_flight() != 0; });
}

void MultipathQueue::end_drain() {
    if (draining_ != nullptr) bdk_for_each_channel_continue(std::exchange(draining_, nullptr), 0);
}

}  // namespace nvme::tcp

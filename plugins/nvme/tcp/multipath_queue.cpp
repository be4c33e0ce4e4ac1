// SPDX-License-Identifier: BSD-3-Clause
#include "multipath_queue.hpp"

#include <nvme/types.h>

#include <algorithm>
#include <functional>
#include <iterator>

namespace nvme::tcp {

using bdevkit::format, bdevkit::Io, bdevkit::IoStatus, bdevkit::IoType, bdevkit::LogLevel;

namespace {

constexpr uint32_t most_retries = 4;
/// Before each of these retries a controller has said that it gives access. The limit ends I/O on a
/// controller that contradicts itself forever.
constexpr uint32_t most_access_retries = 64;

/// Whether a path failed, not the command.
bool is_passing(const Result& result) {
    constexpr uint8_t interrupted = 0x21, transient_transport_error = 0x22;
    if (result.do_not_retry) return false;
    if (result.sct == NVME_SCT_PATH) return true;
    return result.sct == NVME_SCT_GENERIC && (result.sc == NVME_SC_ABORT_QUEUE || result.sc == interrupted ||
                                              result.sc == transient_transport_error);
}

/// Whether the path gives no access to the namespace now.
bool is_of_access(const Result& result) {
    return !result.do_not_retry && result.sct == NVME_SCT_PATH && result.sc >= NVME_SC_ANA_PERSISTENT_LOSS &&
           result.sc <= NVME_SC_ANA_TRANSITION;
}

void complete_inaccessible(Io io) {
    bdk_bdev_io_complete_nvme_status(io.get(), 0, NVME_SCT_PATH, NVME_SC_ANA_INACCESSIBLE);
}

}  // namespace

MultipathQueue::MultipathQueue(QueueOwner& owner, uint32_t nsid)
    : owner_(owner),
      settings_(owner.queue_settings()),
      link_(std::make_shared<QueueLink>(static_cast<QueueEvents&>(*this), nsid, settings_.paths)) {
    for (const auto& [generation, access] : owner_.add_queue(link_))
        lanes_.emplace_back(
            lanes_.size(), generation, access,
            [this](Lane& lane, Flight flight, const Result& result) { on_ended(lane, flight, result); },
            [this](Lane& lane, const std::string& reason) { on_connection_lost(lane, reason); });
    if (const auto timeout = settings_.command_timeout; timeout.count() != 0)
        timeout_timer_ =
            bdevkit::Poller::start<&MultipathQueue::check_timeouts>(this, "nvme_tcp_timeout", timeout / 4);
}

MultipathQueue::~MultipathQueue() {
    link_->cut();
    lanes_.clear();
    owner_.remove_queue(link_);
    end_drain();
}

bool MultipathQueue::submit(Io io, const Request& request, bool admin) {
    if (state_ == State::given_up) [[unlikely]] {
        io.complete_errno(-ENXIO);
        return true;
    }
    if (admin) {
        owner_.run_admin(link_, io, request);
        return true;
    }
    const Flight flight{.io = io.get(), .request = request};
    if (!waiting_.empty() && choose(flight) != nullptr) return false;
    const int cid = start(flight);
    if (cid == -EAGAIN) return false;
    if (cid == -ENOTCONN && state_ == State::inaccessible)
        complete_inaccessible(io);
    else if (cid == -ENOTCONN)
        waiting_.push_back(flight);
    else if (cid < 0)
        io.complete_errno(cid);
    return true;
}

/// The best usable lane; NULL when there is none.
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
    return settings_.spreads && lane.in_flight() < than.in_flight();
}

/// @return as Protocol::submit(); -ENOTCONN when no lane is usable
int MultipathQueue::start(const Flight& flight) {
    Lane* lane = choose(flight);
    if (lane == nullptr) return -ENOTCONN;
    const int cid = lane->start(flight);
    if (cid < 0) return cid;
    link_->count(lane->path());
    if (settings_.spreads) next_ = lane->path() + 1;
    return cid;
}

/// Whether the I/O is to be submitted again, if possible by another path.
bool MultipathQueue::is_to_retry(Lane& lane, Flight& flight, const Result& result) {
    if (is_of_access(result)) {
        if (lane.is_usable()) {
            lane.set_access(Access::unknown);
            update_access();
            owner_.on_access_contradicted(lane.path());
        }
        return flight.retries++ < most_access_retries;
    }
    flight.failed_by = &lane;
    return is_passing(result) && flight.retries++ < most_retries;
}

void MultipathQueue::on_ended(Lane& lane, Flight flight, const Result& result) {
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
                     format("%s: a read succeeded with %u bytes instead of %u", settings_.name.c_str(),
                            result.bytes, flight.request.data.bytes));
        return io.complete_errno(-EIO);
    }
    bdk_bdev_io_complete_nvme_status(io.get(), uint32_t(result.result), result.sct, result.sc);
}

void MultipathQueue::start_waiting() {
    while (!waiting_.empty()) {
        const int cid = start(waiting_.front());
        if (cid == -ENOTCONN && state_ == State::inaccessible) return refuse_waiting();
        if (cid == -EAGAIN || cid == -ENOTCONN) return;
        const Io io(waiting_.front().io);
        waiting_.pop_front();
        if (cid < 0) io.complete_errno(cid);
    }
    if (is_idle()) end_drain();
}

// ---- connections ----

void MultipathQueue::on_connected(size_t path, uint32_t generation, std::unique_ptr<Connection> connection) {
    Lane& lane = lanes_[path];
    if (state_ == State::given_up || generation < lane.generation()) return;  // outdated
    take_back(lane, generation, nullptr);
    lane.connect(generation, std::move(connection));
    update_access();
    start_waiting();
}

void MultipathQueue::on_access_changed(size_t path, Access access) {
    lanes_[path].set_access(access);
    update_access();
    start_waiting();
}

void MultipathQueue::update_access() {
    if (state_ == State::given_up) return;
    const bool usable = std::any_of(lanes_.begin(), lanes_.end(), std::mem_fn(&Lane::is_usable));
    const bool any = std::any_of(lanes_.begin(), lanes_.end(), std::mem_fn(&Lane::is_connected));
    if (usable || !any) {
        access_timer_.stop();
        state_ = State::serving;
        return;
    }
    if (state_ == State::inaccessible) return;
    const bool is_nowhere = std::all_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) {
        return lane.is_connected() && lane.access() == Access::none;
    });
    if (is_nowhere)
        on_access_timeout();
    else if (!access_timer_)
        access_timer_ = bdevkit::Poller::start<&MultipathQueue::on_access_timeout>(this, "nvme_tcp_access",
                                                                                   settings_.loss_timeout);
}

bool MultipathQueue::on_access_timeout() {
    access_timer_.stop();
    state_ = State::inaccessible;
    bdevkit::log(LogLevel::error, BDK_LOG_COMPONENT,
                 format("%s: no path gives access to namespace %u: its I/O fails until a path does",
                        settings_.name.c_str(), link_->nsid));
    refuse_waiting();
    return true;
}

void MultipathQueue::refuse_waiting() {
    for (const Flight& flight : std::exchange(waiting_, {}))
        complete_inaccessible(Io(flight.io));
    if (is_idle()) end_drain();
}

/// Disconnects the lane, and has its flights wait for another one.
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
    update_access();
}

void MultipathQueue::on_connection_lost(Lane& lane, const std::string& reason) {
    const uint32_t generation = lane.generation();
    take_back(lane, generation, nullptr);
    start_waiting();
    owner_.on_connection_lost(lane.path(), generation, reason);
}

void MultipathQueue::on_disconnected(size_t path, uint32_t generation, const bdk_bdev* reset) {
    take_back(lanes_[path], generation, reset);
    start_waiting();
}

void MultipathQueue::on_given_up() {
    for (Lane& lane : lanes_)
        take_back(lane, lane.generation(), nullptr);
    state_ = State::given_up;
    for (const Flight& flight : std::exchange(waiting_, {}))
        Io(flight.io).complete_errno(-ENXIO);
    end_drain();
}

bool MultipathQueue::check_timeouts() {
    const uint64_t patience = bdk_get_ticks_hz() / 1000 * uint64_t(settings_.command_timeout.count());
    bool any = false;
    for (Lane& lane : lanes_) {
        if (!lane.mark_late(patience)) continue;
        on_connection_lost(lane, "a command has timed out");
        any = true;
    }
    return any;
}

// ---- abort and drain ----

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
            return owner_.abort(link_, lane.path(), lane.generation(), uint16_t(cid), abort);
    abort.complete(IoStatus::failed);
}

void MultipathQueue::on_abort_ended(size_t path, uint32_t generation, uint16_t cid, Io abort, bool aborted) {
    Lane& lane = lanes_[path];
    if (lane.is_connected() && generation == lane.generation()) {
        lane.let_go(cid);
        start_waiting();
    }
    abort.complete(aborted ? IoStatus::success : IoStatus::failed);
}

void MultipathQueue::drain(bdk_io_channel_iter* walk) {
    draining_ = walk;
    if (state_ == State::given_up || is_idle()) end_drain();
}

bool MultipathQueue::is_idle() const {
    return waiting_.empty() &&
           std::none_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.in_flight() != 0; });
}

void MultipathQueue::end_drain() {
    if (draining_ != nullptr) bdk_for_each_channel_continue(std::exchange(draining_, nullptr), 0);
}

}  // namespace nvme::tcp

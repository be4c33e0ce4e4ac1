// SPDX-License-Identifier: BSD-3-Clause
#include "queue.hpp"

#include <nvme/types.h>

#include <algorithm>
#include <iterator>

#include "controller.hpp"

using bdevkit::format, bdevkit::Io, bdevkit::IoStatus, bdevkit::IoType, bdevkit::LogLevel;

namespace {

constexpr uint32_t most_retries = 4;

/// Statuses of a way that failed, not of the command.
bool is_passing(const TcpResult& result) {
    constexpr uint8_t interrupted = 0x21, transient_transport_error = 0x22;
    if (result.do_not_retry) return false;
    if (result.sct == NVME_SCT_PATH) return true;
    return result.sct == NVME_SCT_GENERIC && (result.sc == NVME_SC_ABORT_QUEUE || result.sc == interrupted ||
                                              result.sc == transient_transport_error);
}

}  // namespace

TcpQueue::TcpQueue(TcpController& controller, uint32_t nsid)
    : controller_(controller), link_(std::make_shared<TcpLink>(*this, nsid, controller.paths())) {
    const std::vector<uint32_t> generations = controller_.join(link_);
    for (size_t path = 0; path < generations.size(); path++)
        lanes_.emplace_back(
            path, generations[path],
            [this](TcpLane&, TcpFlight flight, const TcpResult& result) { ended(flight, result); },
            [this](TcpLane& lane, const std::string& reason) { lost(lane, reason); });
    if (const auto timeout = controller_.command_timeout(); timeout.count() != 0)
        look_ = bdevkit::Poller::start<&TcpQueue::look_for_late>(this, "nvme_tcp_timeout", timeout / 4);
}

TcpQueue::~TcpQueue() {
    link_->cut();
    lanes_.clear();
    controller_.leave(link_);
    end_drain();
}

bool TcpQueue::submit(Io io, const NvmeRequest& request, bool admin) {
    if (given_up_) {
        io.complete_errno(-ENXIO);
        return true;
    }
    if (admin) {
        controller_.run_for(link_, io, request);
        return true;
    }
    const TcpFlight flight{.io = io.get(), .request = request};
    if (!waiting_.empty() && choose() != nullptr) return false;
    const int cid = start(flight);
    if (cid == -EAGAIN) return false;
    if (cid == -ENOTCONN)
        waiting_.push_back(flight);
    else if (cid < 0)
        io.complete_errno(cid);
    return true;
}

/// The first one that can be used now; NULL: none.
TcpLane* TcpQueue::choose() {
    const auto found =
        std::find_if(lanes_.begin(), lanes_.end(), [](const TcpLane& lane) { return lane.is_connected(); });
    return found == lanes_.end() ? nullptr : &*found;
}

/// @return as TcpProtocol::submit(), and -ENOTCONN when there is no path now
int TcpQueue::start(const TcpFlight& flight) {
    TcpLane* lane = choose();
    if (lane == nullptr) return -ENOTCONN;
    const int cid = lane->start(flight);
    if (cid >= 0) link_->count(lane->path());
    return cid;
}

void TcpQueue::ended(TcpFlight flight, const TcpResult& result) {
    if (is_passing(result) && flight.retries++ < most_retries)
        waiting_.push_back(flight);
    else
        finish(flight, result);
    start_waiting();
}

void TcpQueue::finish(const TcpFlight& flight, const TcpResult& result) {
    const Io io(flight.io);
    if (result.ok() && io.type() == IoType::read && result.bytes != flight.request.data.bytes) {
        bdevkit::log(LogLevel::error, BDK_LOG_COMPONENT,
                     format("%s: success of a read with %u bytes instead of %u", controller_.name().c_str(),
                            result.bytes, flight.request.data.bytes));
        return io.complete_errno(-EIO);
    }
    bdk_bdev_io_complete_nvme_status(io.get(), uint32_t(result.result), result.sct, result.sc);
}

void TcpQueue::start_waiting() {
    while (!waiting_.empty()) {
        const int cid = start(waiting_.front());
        if (cid == -EAGAIN || cid == -ENOTCONN) return;
        const Io io(waiting_.front().io);
        waiting_.pop_front();
        if (cid < 0) io.complete_errno(cid);
    }
    if (is_idle()) end_drain();
}

// ---- connections ----

void TcpQueue::connected(size_t path, uint32_t generation, std::unique_ptr<TcpConnection> connection) {
    TcpLane& lane = lanes_[path];
    if (given_up_ || generation < lane.generation()) return;  // it comes late
    take_back(lane, generation, nullptr);
    lane.connect(generation, std::move(connection));
    start_waiting();
}

/// The lane's connection goes.
/// @param reset  the bdev whose I/O ends as aborted; may be NULL
void TcpQueue::take_back(TcpLane& lane, uint32_t generation, const bdk_bdev* reset) {
    std::deque<TcpFlight> flights = lane.disconnect(generation);
    std::move(waiting_.begin(), waiting_.end(), std::back_inserter(flights));
    waiting_.clear();
    const auto goes_on = [reset](const TcpFlight& flight) {
        return !flight.must_end && !flight.is_late && flight.io->bdev != reset;
    };
    std::copy_if(flights.begin(), flights.end(), std::back_inserter(waiting_), goes_on);
    std::erase_if(flights, goes_on);
    for (const TcpFlight& flight : flights)
        if (flight.is_late)
            Io(flight.io).complete_errno(-ETIMEDOUT);
        else
            Io(flight.io).complete(IoStatus::aborted);
}

void TcpQueue::lost(TcpLane& lane, const std::string& reason) {
    const uint32_t generation = lane.generation();
    take_back(lane, generation, nullptr);
    start_waiting();
    controller_.lost(lane.path(), generation, reason);
}

void TcpQueue::disconnect(size_t path, uint32_t generation, const bdk_bdev* reset) {
    take_back(lanes_[path], generation, reset);
    start_waiting();
}

void TcpQueue::give_up() {
    for (TcpLane& lane : lanes_)
        take_back(lane, lane.generation(), nullptr);
    given_up_ = true;
    for (const TcpFlight& flight : std::exchange(waiting_, {}))
        Io(flight.io).complete_errno(-ENXIO);
    end_drain();
}

bool TcpQueue::look_for_late() {
    const uint64_t patience = bdk_get_ticks_hz() / 1000 * uint64_t(controller_.command_timeout().count());
    bool any = false;
    for (TcpLane& lane : lanes_) {
        if (!lane.mark_late(patience)) continue;
        lost(lane, "a command does not end in time");
        any = true;
    }
    return any;
}

// ---- what is not I/O ----

void TcpQueue::admin_ended(Io io, const std::optional<TcpResult>& result) {
    constexpr uint32_t aborted_by_host = 0x71;
    if (result)
        bdk_bdev_io_complete_nvme_status(io.get(), uint32_t(result->result), result->sct, result->sc);
    else
        bdk_bdev_io_complete_nvme_status(io.get(), 0, NVME_SCT_PATH, aborted_by_host);
}

void TcpQueue::abort(Io abort) {
    bdk_bdev_io* victim = abort->u.abort.bio_to_abort;
    const auto waits = std::find_if(waiting_.begin(), waiting_.end(),
                                    [victim](const TcpFlight& flight) { return flight.io == victim; });
    if (waits != waiting_.end()) {
        waiting_.erase(waits);
        Io(victim).complete(IoStatus::aborted);
        return abort.complete();
    }
    for (TcpLane& lane : lanes_)
        if (const int cid = lane.hold(victim); cid >= 0)
            return controller_.abort_for(link_, lane.path(), lane.generation(), uint16_t(cid), abort);
    abort.complete(IoStatus::failed);
}

void TcpQueue::abort_ended(size_t path, uint32_t generation, uint16_t cid, Io abort, bool aborted) {
    TcpLane& lane = lanes_[path];
    if (lane.is_connected() && generation == lane.generation()) {
        lane.let_go(cid);
        start_waiting();
    }
    abort.complete(aborted ? IoStatus::success : IoStatus::failed);
}

void TcpQueue::drain(bdk_io_channel_iter* walk) {
    draining_ = walk;
    if (given_up_ || is_idle()) end_drain();
}

bool TcpQueue::is_idle() const {
    return waiting_.empty() && std::none_of(lanes_.begin(), lanes_.end(),
                                            [](const TcpLane& lane) { return lane.in_flight() != 0; });
}

void TcpQueue::end_drain() {
    if (draining_ != nullptr) bdk_for_each_channel_continue(std::exchange(draining_, nullptr), 0);
}

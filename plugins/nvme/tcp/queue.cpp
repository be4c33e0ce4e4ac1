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

TcpQueue::TcpQueue(TcpController& controller)
    : controller_(controller), link_(std::make_shared<TcpLink>(*this)) {
    generation_ = controller_.join(link_);
    if (const auto timeout = controller_.command_timeout(); timeout.count() != 0)
        look_ = bdevkit::Poller::start<&TcpQueue::look_for_late>(this, "nvme_tcp_timeout", timeout / 4);
}

TcpQueue::~TcpQueue() {
    link_->cut();
    pump_.reset();
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
    const Flight flight{io.get(), request};
    if (!pump_) {
        waiting_.push_back(flight);
        return true;
    }
    if (!waiting_.empty()) return false;
    const int cid = start(flight);
    if (cid == -EAGAIN) return false;
    if (cid < 0) io.complete_errno(cid);
    return true;
}

int TcpQueue::start(const Flight& given) {
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

void TcpQueue::ended(Flight& given, const TcpResult& result) {
    Flight flight = given;
    given.io = nullptr;
    free_.push_back(&given);
    if (is_passing(result) && flight.retries++ < most_retries)
        waiting_.push_back(flight);
    else
        finish(flight, result);
    start_waiting();
}

void TcpQueue::finish(const Flight& flight, const TcpResult& result) {
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
    while (pump_ && !waiting_.empty()) {
        const int cid = start(waiting_.front());
        if (cid == -EAGAIN) return;
        const Io io(waiting_.front().io);
        waiting_.pop_front();
        if (cid < 0) io.complete_errno(cid);
    }
    if (pump_ && pump_->protocol().in_flight() == 0) end_drain();
}

// ---- connections ----

void TcpQueue::connected(uint32_t generation, std::unique_ptr<TcpConnection> connection) {
    if (generation < generation_) return;  // it comes late
    take_back(nullptr);
    generation_ = generation;
    flights_.assign(connection->protocol().depth(), {});
    free_.clear();
    for (Flight& flight : flights_)
        free_.push_back(&flight);
    pump_.emplace(
        std::move(connection),
        [this](void* flight, const TcpResult& result) { ended(*static_cast<Flight*>(flight), result); },
        [this](const std::string& reason) { lost(reason); });
    start_waiting();
}

/// @param reset  the bdev whose I/O ends as aborted; may be NULL
void TcpQueue::take_back(const bdk_bdev* reset) {
    std::deque<Flight> flights = std::exchange(waiting_, {});
    if (pump_)
        pump_->protocol().drop_all([&](void* flight) {
            // What was in flight may have been carried out.
            Flight& taken = flights.emplace_back(*static_cast<Flight*>(flight));
            taken.must_end = !nvme_is_repeatable(Io(taken.io));
        });
    pump_.reset();
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
    if (waiting_.empty()) end_drain();
}

void TcpQueue::lost(const std::string& reason) {
    const uint32_t generation = generation_;
    take_back(nullptr);
    controller_.lost(generation, reason);
}

void TcpQueue::disconnect(uint32_t generation, const bdk_bdev* reset) {
    generation_ = generation;
    take_back(reset);
}

void TcpQueue::give_up() {
    take_back(nullptr);
    given_up_ = true;
    for (const Flight& flight : std::exchange(waiting_, {}))
        Io(flight.io).complete_errno(-ENXIO);
    end_drain();
}

bool TcpQueue::look_for_late() {
    const uint64_t patience = bdk_get_ticks_hz() / 1000 * uint64_t(controller_.command_timeout().count());
    const uint64_t now = bdk_get_ticks();
    bool any = false;
    for (Flight& flight : flights_) {
        flight.is_late = pump_ && flight.io != nullptr && now - flight.started > patience;
        any |= flight.is_late;
    }
    if (any) lost("a command does not end in time");
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
    const auto is_victim = [victim](const Flight& flight) { return flight.io == victim; };
    const auto waits = std::find_if(waiting_.begin(), waiting_.end(), is_victim);
    if (waits != waiting_.end()) {
        waiting_.erase(waits);
        Io(victim).complete(IoStatus::aborted);
        return abort.complete();
    }
    const auto flies = std::find_if(flights_.begin(), flights_.end(), is_victim);
    const int cid = pump_ && flies != flights_.end() ? pump_->protocol().find(&*flies) : -ENOENT;
    if (cid < 0) return abort.complete(IoStatus::failed);
    pump_->protocol().hold(uint16_t(cid));
    controller_.abort_for(link_, generation_, uint16_t(cid), abort);
}

void TcpQueue::abort_ended(uint32_t generation, uint16_t cid, Io abort, bool aborted) {
    if (pump_ && generation == generation_) {
        pump_->protocol().let_go(cid);
        start_waiting();
    }
    abort.complete(aborted ? IoStatus::success : IoStatus::failed);
}

void TcpQueue::drain(bdk_io_channel_iter* walk) {
    draining_ = walk;
    if (given_up_ || (waiting_.empty() && (!pump_ || pump_->protocol().in_flight() == 0))) end_drain();
}

void TcpQueue::end_drain() {
    if (draining_ != nullptr) bdk_for_each_channel_continue(std::exchange(draining_, nullptr), 0);
}

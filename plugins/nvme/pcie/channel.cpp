// SPDX-License-Identifier: BSD-3-Clause
#include "channel.hpp"

#include <sys/eventfd.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace nvme::pcie {

using bdevkit::format, bdevkit::Io, bdevkit::IoStatus, bdevkit::IoType, bdevkit::LogLevel;

namespace {

/// Turns without work before a channel that has nothing in flight pauses.
constexpr uint32_t idle_turns_before_pause = 64;
/// For a command that takes longer the thread sleeps, if there is an interrupt to wake it.
constexpr uint64_t patience_us = 100;
constexpr std::chrono::milliseconds watch_period{50};
constexpr Status aborted_by_reset{.code = NVME_SC_ABORT_REQ, .result = 0};

}  // namespace

Channel::Channel(ChannelOwner& owner)
    : owner_(owner),
      timeout_ticks_(owner.timeout_ticks()),
      queue_(owner.take_queue()),
      flights_(queue_->pair.depth() - 1),
      poller_(bdevkit::Poller::start<&Channel::poll>(this, "nvme")) {
    poller_.pause();
    if (queue_->interrupt_event < 0) return;
    interrupt_ = bdevkit::Interrupt::start<&Channel::on_interrupt>(queue_->interrupt_event, BDK_INTERRUPT_IN,
                                                                   this, "nvme");
    watch_ = bdevkit::Poller::start<&Channel::look_asleep>(this, "nvme watch", watch_period);
    watch_.pause();
}

Channel::~Channel() {
    interrupt_.stop();
    owner_.give_queue(std::move(queue_));
}

bool Channel::submit(Io io, const Request& request) {
    if (refuses(io, request.data)) [[unlikely]]
        return true;
    if (!is_ready() || queue_->pair.full() || !begin(io, request)) return false;
    wake_up();
    return true;
}

/// Both commands are in the queue, side by side, before the doorbell is rung.
bool Channel::submit_fused(Io io, const Request& first, const Request& second) {
    if (refuses(io, first.data) || refuses(io, second.data)) return true;
    const uint32_t pages = Transfer::most_pages(first.data) + Transfer::most_pages(second.data);
    if (!is_ready() || queue_->pair.room() < 2 || queue_->pool.available() < pages) return false;
    const auto one = begin(io, first), other = begin(io, second);
    flights_.fuse(*one, *other);
    wake_up();
    return true;
}

/// @return whether the I/O can never be done; then it is complete
bool Channel::refuses(Io io, const Data& data) {
    const bool failed = queue_->state.load(std::memory_order_acquire) == IoQueue::State::failed;
    if (!failed && Transfer::fits(data)) [[likely]]
        return false;
    io.complete_errno(failed ? -ENODEV : -EINVAL);
    return true;
}

/// The queue has a free entry. @return nothing when there are no pages
std::optional<uint16_t> Channel::begin(Io io, const Request& request) {
    Command command = request.command;
    const uint16_t cid = queue_->pair.next_cid();
    if (!flights_[cid].transfer.begin(queue_->pool, request, command, queue_->sgls)) return {};
    flights_.begin(cid, io.get(), bdk_get_ticks());
    return queue_->pair.submit(command);
}

void Channel::wake_up() {
    idle_turns_ = 0;
    if (!paused_) return;
    paused_ = false;
    poller_.resume();
    if (watch_) watch_.pause();
}

/// Every completion raises the interrupt, even if poll() has already taken the completion.
bool Channel::on_interrupt() {
    eventfd_t raised = 0;
    eventfd_read(queue_->interrupt_event, &raised);
    if (queue_->pair.in_flight() == 0) return false;
    wake_up();
    return poll();
}

bool Channel::look_asleep() {
    if (queue_->state.load(std::memory_order_acquire) != IoQueue::State::ready) return false;
    if (queue_->pair.in_flight() == 0)
        watch_.pause();  // a reset has ended them
    else
        look_for_late_commands(bdk_get_ticks());
    return false;
}

/// A command that ends after the last look raises the interrupt: none is missed.
void Channel::rest() {
    if (idle_turns_++ == 0) idle_since_ = bdk_get_ticks();
    if (bdk_get_ticks() - idle_since_ < bdk_get_ticks_hz() / 1'000'000 * patience_us) return;
    paused_ = true;
    poller_.pause();
    watch_.resume();
}

bool Channel::poll() {
    const IoQueue::State state = queue_->state.load(std::memory_order_acquire);
    if (state == IoQueue::State::ready || state == IoQueue::State::quiet) {
        QueuePair& pair = queue_->pair;
        const uint32_t count = pair.poll([this](uint16_t cid, Status status) { on_ended(cid, status); });
        pair.ring();
        const bool waits = pair.in_flight() != 0;
        if (state == IoQueue::State::quiet) stop_if_idle();
        if (count != 0) {
            idle_turns_ = 0;
            return true;
        }
        if (waits) {
            if (state == IoQueue::State::ready) look_for_late_commands(bdk_get_ticks());
            if (interrupt_) rest();
            return false;
        }
    }
    if (++idle_turns_ >= idle_turns_before_pause) {
        paused_ = true;
        poller_.pause();
    }
    return false;
}

void Channel::quiesce() {
    if (queue_->state.load(std::memory_order_acquire) != IoQueue::State::ready) return;
    queue_->pair.ring();
    queue_->state.store(IoQueue::State::quiet, std::memory_order_release);
    stop_if_idle();
}

/// Once the queue is stopped it is the controller's worker that may touch it.
void Channel::stop_if_idle() {
    if (queue_->pair.in_flight() == 0)
        queue_->state.store(IoQueue::State::stopped, std::memory_order_release);
}

void Channel::on_ended(uint16_t cid, Status status) {
    const Flights::End end = flights_.end(cid, queue_->pool, status);
    if (end.io != nullptr) on_command_ended(Io(end.io), end.status);
}

/// The first time a command is late it is aborted, the second time the controller is reset.
void Channel::look_for_late_commands(uint64_t now) {
    if (timeout_ticks_ == 0 || now - looked_ < timeout_ticks_ / 4) return;
    looked_ = now;
    bool resets = false;
    for (uint32_t cid = 0; cid < flights_.size(); cid++) {
        Flight& flight = flights_[cid];
        const uint64_t age = now - flight.started;
        if (flight.io == nullptr || flight.late || age < timeout_ticks_) continue;
        if (!std::exchange(flight.abort_sent, true))
            owner_.abort(queue_->id, uint16_t(cid), [](bool) {});
        else if (age >= 2 * timeout_ticks_)
            resets = flight.late = true;
    }
    if (resets) owner_.on_commands_late();
}

void Channel::abort(Io abort) {
    const auto cid = flights_.find(abort->u.abort.bio_to_abort);
    if (!cid || !is_ready()) return abort.complete(IoStatus::failed);
    queue_->pair.ring();  // the controller cannot abort a command that it has not seen
    owner_.abort(queue_->id, *cid,
                 [abort](bool aborted) { abort.complete(aborted ? IoStatus::success : IoStatus::failed); });
}

void Channel::end_all(EndReason end, const bdk_bdev* of) {
    queue_->state.store(end == EndReason::gone ? IoQueue::State::failed : IoQueue::State::stopped,
                        std::memory_order_release);
    queue_->pair.end_all([&](uint16_t cid) {
        const auto [ended, status, late] = flights_.end(cid, queue_->pool, aborted_by_reset);
        if (ended == nullptr) return;
        const Io io(ended);
        if (end == EndReason::gone)
            io.complete_errno(-ENODEV);
        else if (late)
            io.complete_errno(-ETIMEDOUT);
        else if (io->bdev == of || !is_repeatable(io))
            io.complete(IoStatus::aborted);
        else
            io.complete(IoStatus::nomem);
    });
}

}  // namespace nvme::pcie

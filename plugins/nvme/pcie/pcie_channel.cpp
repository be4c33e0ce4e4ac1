// SPDX-License-Identifier: BSD-3-Clause
#include "pcie_channel.hpp"

#include <sys/eventfd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "pcie_controller.hpp"

using bdevkit::format, bdevkit::Io, bdevkit::IoStatus, bdevkit::IoType, bdevkit::LogLevel;

namespace {

/// Turns without work before a channel that has nothing in flight pauses.
constexpr uint32_t idle_turns_before_pause = 64;
/// What takes longer is waited for asleep, where there is an interrupt.
constexpr uint64_t patience_us = 100;
constexpr std::chrono::milliseconds watch_period{50};

}  // namespace

PcieChannel::PcieChannel(PcieController& controller)
    : controller_(controller),
      queue_(controller.take_queue()),
      commands_(queue_->pair.depth() - 1),
      poller_(bdevkit::Poller::start<&PcieChannel::poll>(this, "nvme")) {
    poller_.pause();
    if (queue_->interrupt_event < 0) return;
    interrupt_ = bdevkit::Interrupt::start<&PcieChannel::on_interrupt>(queue_->interrupt_event,
                                                                       BDK_INTERRUPT_IN, this, "nvme");
    watch_ = bdevkit::Poller::start<&PcieChannel::look_asleep>(this, "nvme watch", watch_period);
    watch_.pause();
}

PcieChannel::~PcieChannel() {
    interrupt_.stop();
    controller_.give_queue(std::move(queue_));
}

bool PcieChannel::submit(Io io, const NvmeRequest& request) {
    const IoQueue::State state = queue_->state.load(std::memory_order_acquire);
    if (state != IoQueue::State::ready) [[unlikely]] {
        if (state != IoQueue::State::failed) return false;
        io.complete_errno(-ENODEV);
        return true;
    }
    if (!Transfer::fits(request.data)) [[unlikely]] {
        io.complete_errno(-EINVAL);
        return true;
    }
    QueuePair& pair = queue_->pair;
    if (pair.full()) return false;
    NvmeCommand command = request.command;
    Command& place = commands_[pair.next_cid()];
    if (!place.transfer.begin(queue_->pool, request, command, queue_->sgls)) return false;
    place.io = io.get();
    place.started = bdk_get_ticks();
    place.abort_sent = place.late = false;
    pair.submit(command);
    wake_up();
    return true;
}

void PcieChannel::wake_up() {
    idle_turns_ = 0;
    if (!paused_) return;
    paused_ = false;
    poller_.resume();
    if (watch_) watch_.pause();
}

/// Each completion raises it, those too that have been taken since.
bool PcieChannel::on_interrupt() {
    eventfd_t raised = 0;
    eventfd_read(queue_->interrupt_event, &raised);
    if (queue_->pair.in_flight() == 0) return false;
    wake_up();
    return poll();
}

bool PcieChannel::look_asleep() {
    if (queue_->state.load(std::memory_order_acquire) != IoQueue::State::ready) return false;
    if (queue_->pair.in_flight() == 0)
        watch_.pause();  // a reset has ended them
    else
        look_for_late_commands(bdk_get_ticks());
    return false;
}

/// What ends after the last look raises the interrupt.
void PcieChannel::rest() {
    if (idle_turns_++ == 0) idle_since_ = bdk_get_ticks();
    if (bdk_get_ticks() - idle_since_ < bdk_get_ticks_hz() / 1'000'000 * patience_us) return;
    paused_ = true;
    poller_.pause();
    watch_.resume();
}

bool PcieChannel::poll() {
    const IoQueue::State state = queue_->state.load(std::memory_order_acquire);
    if (state == IoQueue::State::ready || state == IoQueue::State::quiet) {
        QueuePair& pair = queue_->pair;
        const uint32_t count = pair.poll([this](uint16_t cid, NvmeStatus status) { ended(cid, status); });
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

void PcieChannel::quiesce() {
    if (queue_->state.load(std::memory_order_acquire) != IoQueue::State::ready) return;
    queue_->pair.ring();
    queue_->state.store(IoQueue::State::quiet, std::memory_order_release);
    stop_if_idle();
}

/// From here on the queue may be the worker's.
void PcieChannel::stop_if_idle() {
    if (queue_->pair.in_flight() == 0)
        queue_->state.store(IoQueue::State::stopped, std::memory_order_release);
}

void PcieChannel::ended(uint16_t cid, NvmeStatus status) {
    Command& command = commands_[cid];
    command.transfer.end(queue_->pool, status.success());
    nvme_ended(Io(std::exchange(command.io, nullptr)), status);
}

/// The first time a command is late it is aborted, the second time the controller is reset.
void PcieChannel::look_for_late_commands(uint64_t now) {
    const uint64_t timeout = controller_.timeout_ticks();
    if (timeout == 0 || now - looked_ < timeout / 4) return;
    looked_ = now;
    bool resets = false;
    for (uint32_t cid = 0; cid < commands_.size(); cid++) {
        Command& command = commands_[cid];
        const uint64_t age = now - command.started;
        if (command.io == nullptr || command.late || age < timeout) continue;
        if (!std::exchange(command.abort_sent, true))
            controller_.abort(queue_->id, uint16_t(cid), [](bool) {});
        else if (age >= 2 * timeout)
            resets = command.late = true;
    }
    if (resets) controller_.reset_for_late_commands();
}

void PcieChannel::abort(Io abort) {
    const auto found = std::find_if(commands_.begin(), commands_.end(), [&](const Command& command) {
        return command.io == abort->u.abort.bio_to_abort;
    });
    if (found == commands_.end() || queue_->state.load(std::memory_order_acquire) != IoQueue::State::ready)
        return abort.complete(IoStatus::failed);
    queue_->pair.ring();  // what the controller has not seen cannot be aborted
    controller_.abort(queue_->id, uint16_t(found - commands_.begin()), [abort](bool aborted) {
        abort.complete(aborted ? IoStatus::success : IoStatus::failed);
    });
}

void PcieChannel::end_all(PcieEnd end, const bdk_bdev* of) {
    queue_->state.store(end == PcieEnd::gone ? IoQueue::State::failed : IoQueue::State::stopped,
                        std::memory_order_release);
    queue_->pair.end_all([&](uint16_t cid) {
        Command& command = commands_[cid];
        command.transfer.end(queue_->pool, false);
        const Io io(std::exchange(command.io, nullptr));
        if (end == PcieEnd::gone)
            io.complete_errno(-ENODEV);
        else if (command.late)
            io.complete_errno(-ETIMEDOUT);
        else if (io->bdev == of || !nvme_is_repeatable(io))
            io.complete(IoStatus::aborted);
        else
            io.complete(IoStatus::nomem);
    });
}

// SPDX-License-Identifier: BSD-3-Clause
#include "batch.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "request.hpp"

namespace bdevkit::python {

/// One of the `depth` I/Os in flight.
struct Batch::Slot {
    Batch* batch = nullptr;
    size_t n = 0;
    Operation operation;
    bdk_bdev_io_wait_entry wait{};
};

Batch::Batch(std::shared_ptr<OpenDesc> desc, size_t count, size_t depth)
    : desc_(std::move(desc)),
      count_(count),
      slots_(std::clamp<size_t>(depth, 1, std::max<size_t>(count, 1))) {
    for (Slot& slot : slots_)
        slot.batch = this;
}

Batch::~Batch() = default;

void Batch::start() {
    release_left_behind();
    running_ = shared_from_this();
    const auto run_there = [](void* arg) { static_cast<Batch*>(arg)->run_here(); };
    const int rc = desc_->is_open() ? desc_->thread().send(run_there, this) : -ENODEV;
    if (rc == 0) return;
    const std::shared_ptr<Completion> self = std::move(running_);
    raise_error(*desc_, {}, refusal(rc));
}

void Batch::abort() {
    if (is_done()) return;
    stopping_ = true;
    const auto self = std::static_pointer_cast<Batch>(shared_from_this());
    desc_->thread().post([self] { self->give_up_here(); });
}

void Batch::give_up_here() {
    if (running_ != nullptr) desc_->abandon_here(slots_.data(), slots_.data() + slots_.size());
}

void Batch::run_here() {
    const auto again = [](void* arg) { static_cast<Batch*>(arg)->run_here(); };
    if (desc_->desc() != nullptr && desc_->holds_back(again, this)) return;
    in_flight_ = 1;  // until all slots have had their start
    for (Slot& slot : slots_)
        next(slot);
    --in_flight_;
    end_if_idle();
}

/// Begins I/Os until one of the slot is in flight.
void Batch::next(Slot& slot) {
    while (begun_ != count_ && !stopping_.load(std::memory_order_relaxed)) {
        slot.n = begun_++;
        make(slot.n, slot.operation);
        ++in_flight_;
        if (submit_slot(slot)) return;
    }
}

/// @return false if the I/O was refused and so has ended
bool Batch::submit_slot(Slot& slot) {
    int rc = desc_->desc() == nullptr ? -ENODEV : -ECANCELED;
    if (desc_->desc() != nullptr && !stopping_.load(std::memory_order_relaxed)) {
        const auto completed = [](bdk_bdev_io* io, bool success, void* arg) {
            auto& done = *static_cast<Slot*>(arg);
            Batch& batch = *done.batch;
            batch.ended(done.n, take_outcome(io, success));
            batch.next(done);
            batch.end_if_idle();
        };
        rc = submit(slot.operation, desc_->desc(), desc_->channel(), completed, &slot);
    }
    if (rc == 0) return true;
    if (rc == -ENOMEM) {
        const auto again = [](void* arg) {
            auto& waiting = *static_cast<Slot*>(arg);
            if (waiting.batch->submit_slot(waiting)) return;
            waiting.batch->next(waiting);
            waiting.batch->end_if_idle();
        };
        slot.wait = {bdk_bdev_desc_get_bdev(desc_->desc()), again, &slot, {}};
        if (bdk_bdev_queue_io_wait(slot.wait.bdev, desc_->channel(), &slot.wait) == 0) return true;
    }
    ended(slot.n, refusal(rc));
    return false;
}

void Batch::ended(size_t n, const Outcome& outcome) {
    if (outcome.error != 0) [[unlikely]]
        failures_.emplace(n, outcome);
    --in_flight_;
}

void Batch::end_if_idle() {
    if (in_flight_ != 0 || running_ == nullptr) return;
    const std::shared_ptr<Completion> self = std::move(running_);
    finish();
}

EqualBatch::EqualBatch(std::shared_ptr<OpenDesc> desc, uint32_t type, std::vector<uint64_t> offsets,
                       uint64_t length, size_t depth)
    : Batch(std::move(desc), offsets.size(), depth),
      type_(type),
      offsets_(std::move(offsets)),
      length_(length) {}

void EqualBatch::make(size_t n, Operation& operation) {
    const uint64_t bytes = length_ * desc()->block_size();
    operation.type = type_;
    operation.offset = offsets_[n];
    operation.length = length_;
    operation.data = {static_cast<char*>(data_.iov_base) + n * bytes, bytes};
}

py::object EqualBatch::result() {
    if (failures().empty()) return held().take_bytes();
    const auto& [n, outcome] = *failures().begin();
    raise_error(*desc(), {.type = type_, .offset = offsets_[n], .length = length_}, outcome);
}

MixedBatch::MixedBatch(std::shared_ptr<OpenDesc> desc, std::vector<Operation> operations,
                       std::vector<std::unique_ptr<Held>> held, size_t depth)
    : Batch(std::move(desc), operations.size(), depth),
      operations_(std::move(operations)),
      held_(std::move(held)) {}

py::object MixedBatch::result() {
    py::list results;
    for (size_t n = 0; n < count(); ++n) {
        const auto failed = failures().find(n);
        if (failed == failures().end()) {
            results.append(held_[n]->take_bytes());
            continue;
        }
        try {
            raise_error(*desc(), operations_[n], failed->second);
        } catch (py::error_already_set& error) {
            results.append(error.value());
        }
    }
    return results;
}

}  // namespace bdevkit::python

// SPDX-License-Identifier: BSD-3-Clause
#include "request.hpp"

#include <bdevkit/zone.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <utility>

#include "errors.hpp"
#include "memory.hpp"

namespace bdevkit::python {

void Request::start() {
    release_left_behind();
    in_flight_ = shared_from_this();
    const auto submit_there = [](void* arg) { static_cast<Request*>(arg)->submit_here(); };
    const int rc = desc_->is_open() ? desc_->thread().send(submit_there, this) : -ENODEV;
    if (rc == 0) return;
    const std::shared_ptr<Completion> self = std::move(in_flight_);
    raise_error(*desc_, operation_, refusal(rc));
}

void Request::submit_here() {
    const auto again = [](void* arg) { static_cast<Request*>(arg)->submit_here(); };
    if (desc_->desc() == nullptr) return ended(refusal(-ENODEV));
    if (given_up_ && operation_.borrowed == nullptr) return ended(refusal(-ECANCELED));
    if (desc_->holds_back(again, this)) return;
    const auto completed = [](bdk_bdev_io* io, bool success, void* arg) {
        static_cast<Request*>(arg)->ended(take_outcome(io, success));
    };
    const int rc = submit(operation_, desc_->desc(), desc_->channel(), completed, this);
    if (rc == 0) return;
    if (rc == -ENOMEM) {
        wait_ = {bdk_bdev_desc_get_bdev(desc_->desc()), again, this, {}};
        if (bdk_bdev_queue_io_wait(wait_.bdev, desc_->channel(), &wait_) == 0) return;
    }
    ended(refusal(rc));
}

void Request::ended(const Outcome& outcome) {
    const std::shared_ptr<Completion> self = std::move(in_flight_);
    outcome_ = outcome;
    finish();
}

void Request::abort() {
    if (is_done()) return;
    const auto self = std::static_pointer_cast<Request>(shared_from_this());
    desc_->thread().post([self] { self->give_up_here(); });
}

/// What has not been submitted yet comes to nothing, but for the end of a zcopy: the loan goes back.
void Request::give_up_here() {
    if (in_flight_ == nullptr) return;
    given_up_ = true;
    if (operation_.borrowed != nullptr) operation_.flags &= ~uint32_t{BDK_BDEV_IO_ZCOPY_COMMIT};
    desc_->abandon_here(this, this + 1);
}

Request::~Request() {
    if (outcome_.borrowed != nullptr) const Borrowed given_back(desc_, outcome_.borrowed, nullptr, 0);
}

void Request::note_patience(bool paid) {
    // No I/O on another thread is faster than the minimum, so spinning for less would never be worthwhile.
    constexpr uint32_t least = 4'000, most = 20'000;
    const uint32_t now = desc_->patience_ns;
    desc_->patience_ns = paid ? std::min(now * 2, most) : std::max(now / 2, least);
}

py::object Request::result() {
    if (outcome_.error != 0) raise_error(*desc_, operation_, outcome_);
    switch (operation_.type) {
        case BDK_BDEV_IO_TYPE_SEEK_DATA:
        case BDK_BDEV_IO_TYPE_SEEK_HOLE:
            if (outcome_.value == UINT64_MAX) return py::none();
            return py::int_(outcome_.value * desc_->block_size());
        case BDK_BDEV_IO_TYPE_ZONE_APPEND:
            return py::int_(outcome_.value * desc_->block_size());
        case BDK_BDEV_IO_TYPE_GET_ZONE_INFO:
            return zone_list();
        case BDK_BDEV_IO_TYPE_NVME_ADMIN:
        case BDK_BDEV_IO_TYPE_NVME_IO:
        case BDK_BDEV_IO_TYPE_NVME_IO_MD:
            return py::make_tuple(outcome_.cdw0, held_.take_bytes());
        case BDK_BDEV_IO_TYPE_ZCOPY:
            if (outcome_.borrowed != nullptr)
                return py::cast(std::make_shared<Borrowed>(desc_, std::exchange(outcome_.borrowed, nullptr),
                                                           outcome_.lent, outcome_.lent_count));
            return py::none();
        default:
            return held_.take_bytes();
    }
}

/// (start, write pointer, capacity, state) of each zone, in bytes.
py::object Request::zone_list() const {
    const auto* zones = static_cast<const bdk_bdev_zone_info*>(operation_.data.iov_base);
    const uint64_t block = desc_->block_size();
    py::list result;
    for (const bdk_bdev_zone_info& zone : std::span(zones, outcome_.value))
        result.append(py::make_tuple(zone.zone_id * block, zone.write_pointer * block, zone.capacity * block,
                                     zone.state));
    return result;
}

void raise_error(const OpenDesc& desc, const Operation& operation, const Outcome& outcome) {
    const uint64_t block = desc.block_size();
    const bool removed = outcome.status == 0 && outcome.error == ENODEV && desc.was_removed();
    raise_io_error({.error = outcome.error,
                    .status = outcome.status,
                    .sct = outcome.sct,
                    .sc = outcome.sc,
                    .operation = bdk_bdev_io_type_name(operation.type),
                    .bdev = desc.bdev(),
                    .offset = operation.offset * block,
                    .length = operation.length * block,
                    .hint = outcome.status == BDK_BDEV_IO_STATUS_MISCOMPARE ? "the data differ"
                            : removed                                       ? "the bdev was removed"
                            : outcome.error == ENODEV                       ? "the desc is closed"
                            : outcome.error == EBADF ? "the desc is read-only: open it with write=True"
                                                     : ""});
}

}  // namespace bdevkit::python

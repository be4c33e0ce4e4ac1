// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>

#include "completion.hpp"
#include "held.hpp"
#include "open_desc.hpp"
#include "operation.hpp"

namespace bdevkit::python {

/// One I/O of a desc, from Python's call to its result.
class Request : public Completion {
public:
    Request(std::shared_ptr<OpenDesc> desc, Operation operation)
        : desc_(std::move(desc)), operation_(operation) {}
    /// Gives back what a zcopy has lent and nobody has taken.
    ~Request() override;

    Held& held() { return held_; }
    Operation& operation() { return operation_; }

    /// [with the GIL] Sends the I/O to the desc's thread. Throws bdevkit.Error when the desc is closed.
    void start() override;

    /// [with the GIL] Nobody waits for it any more: it is aborted where it can be, and never lands on what is
    /// written from now on.
    void abort() override;

    /// [with the GIL, done] The return value of the call; throws bdevkit.Error when the I/O failed.
    py::object result() override;

    uint64_t patience() const override { return desc_->patience_ns; }
    void note_patience(bool paid) override;

    const std::shared_ptr<OpenDesc>& desc() const { return desc_; }
    const Outcome& outcome() const { return outcome_; }

private:
    void submit_here();
    void ended(const Outcome& outcome);
    void give_up_here();
    py::object zone_list() const;

    const std::shared_ptr<OpenDesc> desc_;
    Operation operation_;
    Held held_;
    Outcome outcome_;
    bdk_bdev_io_wait_entry wait_{};
    bool given_up_ = false;
    std::shared_ptr<Completion> in_flight_;  ///< itself, until it has ended
};

/// Throws bdevkit.Error for the result of an operation.
[[noreturn]] void raise_error(const OpenDesc& desc, const Operation& operation, const Outcome& outcome);

}  // namespace bdevkit::python

// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <vector>

#include "completion.hpp"
#include "held.hpp"
#include "open_desc.hpp"
#include "operation.hpp"

namespace bdevkit::python {

/// Many I/Os of one desc in one call, up to `depth` in flight. The loop is native code.
class Batch : public Completion {
public:
    Batch(std::shared_ptr<OpenDesc> desc, size_t count, size_t depth);
    ~Batch() override;

    /// [with the GIL] Sends the batch to the desc's thread. Throws bdevkit.Error when the desc is closed.
    void start() override;

    /// [any thread] Begins no more I/O. What is in flight is aborted where it can be, and never lands on what
    /// is written from now on.
    void abort() override;

    Held& held() { return held_; }

protected:
    /// [on the desc's thread] The n-th I/O.
    virtual void make(size_t n, Operation& operation) = 0;

    const std::shared_ptr<OpenDesc>& desc() const { return desc_; }
    const std::map<size_t, Outcome>& failures() const { return failures_; }
    size_t count() const { return count_; }

private:
    struct Slot;

    void run_here();
    void give_up_here();
    void next(Slot& slot);
    bool submit_slot(Slot& slot);
    void ended(size_t n, const Outcome& outcome);
    void end_if_idle();

    const std::shared_ptr<OpenDesc> desc_;
    const size_t count_;
    std::vector<Slot> slots_;
    Held held_;
    std::map<size_t, Outcome> failures_;
    size_t begun_ = 0;
    size_t in_flight_ = 0;
    std::atomic<bool> stopping_{false};
    std::shared_ptr<Completion> running_;  ///< a reference to itself, until it has ended
};

/// Reads or writes of equal length, at these offsets.
class EqualBatch : public Batch {
public:
    /// @param offsets in blocks. @param data the n-th I/O uses its n-th piece
    EqualBatch(std::shared_ptr<OpenDesc> desc, uint32_t type, std::vector<uint64_t> offsets, uint64_t length,
               size_t depth);

    /// [with the GIL, before start] The memory, from the caller or new.
    void set_data(const iovec& data) { data_ = data; }
    py::object result() override;

private:
    void make(size_t n, Operation& operation) override;

    const uint32_t type_;
    const std::vector<uint64_t> offsets_;
    const uint64_t length_;
    iovec data_{};
};

/// I/Os of any type. The result is a list with bytes, None or an exception for each.
class MixedBatch : public Batch {
public:
    MixedBatch(std::shared_ptr<OpenDesc> desc, std::vector<Operation> operations,
               std::vector<std::unique_ptr<Held>> held, size_t depth);
    py::object result() override;

private:
    void make(size_t n, Operation& operation) override { operation = operations_[n]; }

    const std::vector<Operation> operations_;
    const std::vector<std::unique_ptr<Held>> held_;
};

}  // namespace bdevkit::python

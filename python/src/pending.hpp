// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>

#include "completion.hpp"

namespace bdevkit::python {

/// Python's handle of an I/O or batch under way. If it is dropped before its end, the I/O is aborted.
class Pending {
public:
    /// [with the GIL] Starts it.
    explicit Pending(std::shared_ptr<Completion> completion);
    ~Pending();
    Pending(const Pending&) = delete;
    Pending& operator=(const Pending&) = delete;
    Pending(Pending&&) = default;
    Pending& operator=(Pending&&) = default;

    Completion& completion() { return *completion_; }

    /// [with the GIL, not a bdk thread] Waits, and returns the result.
    py::object wait();

    /// [with the GIL, in a task] The future that the task yields to its loop, or nothing once it is done.
    py::object step();
    py::object take_result();

private:
    std::shared_ptr<Completion> completion_;
    py::object future_;
    bool yielded_ = false;
};

void bind_pending(py::module_& module);

}  // namespace bdevkit::python

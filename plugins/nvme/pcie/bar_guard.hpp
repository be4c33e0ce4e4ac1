// SPDX-License-Identifier: BSD-3-Clause
// A device that vanishes takes its mapped registers along: the next access is a SIGBUS. With a guard, the
// access goes to memory that reads as all ones, as a device does that is gone.
#pragma once

#include <cstddef>

namespace nvme::pcie {

/// [any thread] While it lives, a SIGBUS in that range does not end the process. Other SIGBUS go where they
/// went.
class BarGuard {
public:
    /// Throws bdevkit::Error when there are too many. @param start  page-aligned, as is `size`
    BarGuard(void* start, size_t size);
    ~BarGuard();
    BarGuard(const BarGuard&) = delete;
    BarGuard& operator=(const BarGuard&) = delete;

private:
    size_t slot_;
};

}  // namespace nvme::pcie

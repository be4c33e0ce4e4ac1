// SPDX-License-Identifier: BSD-3-Clause
// Protection from devices that vanish: their mapped registers vanish with them, and the next access raises
// SIGBUS.
#pragma once

#include <cstddef>

namespace nvme::pcie {

/// [any thread] While a guard lives, SIGBUS in its range does not end the process: the handler maps memory
/// that reads as all ones there, which is what PCI registers of a missing device read as. SIGBUS elsewhere
/// goes to the handler that was there before.
class BarGuard {
public:
    /// Throws bdevkit::Error when there are too many guards. @param start, size  page-aligned
    BarGuard(void* start, size_t size);
    ~BarGuard();
    BarGuard(const BarGuard&) = delete;
    BarGuard& operator=(const BarGuard&) = delete;

private:
    size_t slot_;
};

}  // namespace nvme::pcie

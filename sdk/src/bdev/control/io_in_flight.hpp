// SPDX-License-Identifier: BSD-3-Clause
// Reports of I/Os that take long.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/export.hpp"

namespace bdk {

struct BdevIo;

/// [I/O's thread] "a write has been outstanding for 31.2 s: bdev 'top' (module 'passthru') > bdev 'disk'
/// (module 'malloc'); the last module has it: it must complete each I/O once".
std::string describe_io(const BdevIo* io, uint64_t now_ticks);

/// [I/O's thread] True for an I/O in flight that is reported when it takes long. False for an I/O that others
/// do the work of: those are reported instead.
bool speaks_for_itself(const BdevIo* io);

/// A summary of the I/Os of all threads.
struct IoInFlight {
    size_t count = 0;
    uint64_t oldest_ns = 0;              ///< for how long the oldest has been in flight
    std::vector<std::string> described;  ///< some of the oldest
};

/// [app thread] Looks at all I/Os, and aborts those that have waited in the core for longer than
/// `wait_limit_ns`. Then calls done() on this thread.
BDK_INTERNAL void look_at_io_in_flight(uint64_t wait_limit_ns, std::function<void(IoInFlight)> done);

}  // namespace bdk

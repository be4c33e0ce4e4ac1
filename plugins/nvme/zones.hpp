// SPDX-License-Identifier: BSD-3-Clause
// Zones: reports and management (Zoned Namespace Command Set Specification 1.1, 3.4).
#pragma once

#include <bdevkit/bdevkit.hpp>

#include <cstddef>
#include <cstdint>

#include "status.hpp"

namespace nvme {

class Queue;
struct Request;
struct Namespace;

/// The report of a get_zone_info, in as many commands as it takes. A zone's descriptor (64 bytes) is twice as
/// long as a bdk_bdev_zone_info of ABI 1.0. So that nothing has to be allocated, a command writes descriptors
/// into the part of the client's memory that is still free, and they are converted in place, first to last: a
/// descriptor is never overwritten before it has been read. When too little of that memory is left, or
/// the client's elements are longer than descriptors, they go to `last`, one by one.
struct ZoneReport {
    Queue* queue;  ///< carries the commands
    uint32_t nsid;
    uint32_t done;   ///< zones that the client has already
    uint32_t asked;  ///< zones that the command in flight asks for
    alignas(8) std::byte last[128];
};

/// The next command of a report.
Request next_report(bdevkit::Io io, ZoneReport& report);

/// Takes the result of the command. @return whether the controller has described all zones that were asked
/// for
bool take_report(bdevkit::Io io, ZoneReport& report);

Request zone_management(bdevkit::Io io, const Namespace& ns);

/// [the I/O's thread] For transports: the command of `io` has ended. Completes `io`, or submits the next
/// command of a report.
void on_command_ended(bdevkit::Io io, const Status& status);

}  // namespace nvme

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

/// A report under way, which answers a get_zone_info in as many commands as it takes. A zone's descriptor is
/// twice as long as what the client gets of it. So that nothing is allocated, descriptors come to the end of
/// the client's memory, and move to their place one by one; the last of them come here.
struct ZoneReport {
    Queue* queue;  ///< which carries the commands
    uint32_t nsid;
    uint32_t done;   ///< zones that the client has been told of
    uint32_t asked;  ///< zones that the command in flight asks for
    alignas(8) std::byte last[128];
};

/// The next command of a report.
Request next_report(bdevkit::Io io, ZoneReport& report);

/// Takes what the command has brought. @return whether the controller has described what it was asked for
bool take_report(bdevkit::Io io, ZoneReport& report);

Request zone_management(bdevkit::Io io, const Namespace& ns);

/// [the I/O's thread] For transports: the controller has ended the command of `io`. Completes it, or goes on
/// with the next command that it takes.
void on_command_ended(bdevkit::Io io, const Status& status);

}  // namespace nvme

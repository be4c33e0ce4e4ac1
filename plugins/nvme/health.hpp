// SPDX-License-Identifier: BSD-3-Clause
// The SMART / health information that a controller keeps (Base Specification 2.0, 5.16.1.3).
#pragma once

#include <bdevkit/json.hpp>

#include <array>
#include <cstddef>

#include "command.hpp"

namespace nvme {

using HealthPage = std::array<std::byte, 512>;

/// The command that reads the page of the whole controller.
Request read_health(HealthPage& page);

/// Writes the page as members of the current object, whose names have the units.
void write_health(bdevkit::Json json, const HealthPage& page);

}  // namespace nvme

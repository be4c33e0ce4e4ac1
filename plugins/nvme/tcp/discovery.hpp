// SPDX-License-Identifier: BSD-3-Clause
// The subsystems that a target lists.
#pragma once

#include "target.hpp"

namespace nvme::tcp {

/// [may block] The end of a message: what to set `subsystem` to, with a list of the target's subsystems if
/// the target gives one. Throws only when cancelled.
std::string discovered_text(const Target& target, const Cancel& cancel);

}  // namespace nvme::tcp

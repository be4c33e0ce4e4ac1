// SPDX-License-Identifier: BSD-3-Clause
// The subsystems that a target tells of.
#pragma once

#include "target.hpp"

namespace nvme::tcp {

/// [may block] For the end of a message: ": it has 'NQN', 'NQN'", or what to do when the target does not
/// tell. Throws only when cancelled.
std::string discovered_text(const Target& target, const Cancel& cancel);

}  // namespace nvme::tcp

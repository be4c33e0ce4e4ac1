// SPDX-License-Identifier: BSD-3-Clause
// Authentication of a queue's connection by DH-HMAC-CHAP (Base Specification 2.0, 8.13).
#pragma once

#include "dhchap_key.hpp"
#include "session.hpp"
#include "target.hpp"

namespace nvme::tcp {

/// [may block] Proves the host's identity to the target, and has the target prove its own if `keys` have the
/// target's key. Throws bdevkit::Error, with the reason.
void authenticate(Caller& caller, const Target& target, const DhchapKeys& keys);

}  // namespace nvme::tcp

// SPDX-License-Identifier: BSD-3-Clause
// Authentication of a queue's connection by DH-HMAC-CHAP (Base Specification 2.0, 8.13).
#pragma once

#include "dhchap_key.hpp"
#include "session.hpp"
#include "target.hpp"

namespace nvme::tcp {

/// [may block] Proves to the target who the host is, and has it prove who it is where `keys` say so. Throws
/// bdevkit::Error, with what is wrong.
void authenticate(Caller& caller, const Target& target, const DhchapKeys& keys);

}  // namespace nvme::tcp

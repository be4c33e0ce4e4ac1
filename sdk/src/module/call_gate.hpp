// SPDX-License-Identifier: BSD-3-Clause
// A gate for calls into modules that may create or remove bdevs: create, reconfigure and methods. Before a
// host removes its bdevs it closes the gate and waits for the calls under way, so that none of them adds a
// bdev during the removal.
#pragma once

#include <functional>

#include "base/export.hpp"

namespace bdk {

/// [app thread] One call, from its begin to its end. It passes only while the gate is open.
class GatePass {
public:
    GatePass();
    ~GatePass();
    GatePass(const GatePass&) = delete;
    GatePass& operator=(const GatePass&) = delete;

    /// False: the host is stopping, and the call is refused with -ESHUTDOWN.
    explicit operator bool() const noexcept { return passed_; }

private:
    bool passed_;
};

/// [app thread] A host starts: calls may pass.
BDK_INTERNAL void open_call_gate();

/// [app thread] From now on calls are refused. empty() runs once those under way have ended, at once or
/// later.
BDK_INTERNAL void close_call_gate(std::function<void()> empty);

}  // namespace bdk

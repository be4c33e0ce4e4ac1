// SPDX-License-Identifier: BSD-3-Clause
#include "module/call_gate.hpp"

#include <cstddef>
#include <utility>

namespace bdk {

namespace {

/// All of it lives on the app thread.
struct Gate {
    bool closed = false;
    size_t inside = 0;
    std::function<void()> empty;  ///< called once no call is inside
};

/// Never destroyed, because a call that has not ended is dropped after main().
Gate& gate() {
    static auto* instance = new Gate;
    return *instance;
}

}  // namespace

GatePass::GatePass() : passed_(!gate().closed) {
    if (passed_) gate().inside++;
}

GatePass::~GatePass() {
    if (!passed_ || --gate().inside != 0 || !gate().empty) return;
    std::exchange(gate().empty, nullptr)();
}

void open_call_gate() {
    gate().closed = false;
}

void close_call_gate(std::function<void()> empty) {
    gate().closed = true;
    if (gate().inside == 0) return empty();
    gate().empty = std::move(empty);
}

}  // namespace bdk

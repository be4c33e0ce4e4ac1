// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <set>

#include "base/export.hpp"

namespace bdk {

/// Sets close-on-exec on all descriptors that the process opens in a scope. For libraries that do not set it:
/// a child process would otherwise inherit the descriptors, and with them the heap of the host.
class BDK_INTERNAL ClosedOnExec {
public:
    ClosedOnExec();
    ~ClosedOnExec();
    ClosedOnExec(const ClosedOnExec&) = delete;
    ClosedOnExec& operator=(const ClosedOnExec&) = delete;

private:
    std::set<int> before_;
};

}  // namespace bdk

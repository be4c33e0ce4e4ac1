// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <set>

#include "base/export.hpp"

namespace bdk {

/// Marks what the process opens in a scope as closed on exec. For libraries that open descriptors without:
/// a child process would otherwise inherit them, and with them the heap of the host.
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

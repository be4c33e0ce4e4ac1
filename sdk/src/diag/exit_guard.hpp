// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <list>
#include <string>

#include "base/export.hpp"

namespace bdk {

/// Exists during an activity that exit() must not cut short, such as a running host. Without it, a plugin
/// that calls exit() would end the host silently and with a successful exit code. With it, the caller is
/// written to standard error, and the process ends with status 1. quick_exit() is treated in the same way.
/// _exit() and signals are not detected. Forked child processes are not affected.
class BDK_INTERNAL ExitGuard {
public:
    /// [any thread] @param doing the activity: "the host was running"
    explicit ExitGuard(std::string doing);
    ~ExitGuard();
    ExitGuard(const ExitGuard&) = delete;
    ExitGuard& operator=(const ExitGuard&) = delete;

private:
    std::list<std::string>::iterator doing_;
};

}  // namespace bdk

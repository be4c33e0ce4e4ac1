// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <list>
#include <string>

#include "base/export.hpp"

namespace bdk {

/// Lives while something is under way that exit() must not cut short, as a host that runs. A plugin that
/// calls exit() then would end the host without a word, and with the exit code of success. Instead, who has
/// called it is written to standard error, and the process ends with 1. quick_exit() is treated likewise.
/// _exit() and signals are not seen. A process that was forked is its own business.
class BDK_INTERNAL ExitGuard {
public:
    /// [any thread] @param doing  "the host was running": what is under way
    explicit ExitGuard(std::string doing);
    ~ExitGuard();
    ExitGuard(const ExitGuard&) = delete;
    ExitGuard& operator=(const ExitGuard&) = delete;

private:
    std::list<std::string>::iterator doing_;
};

}  // namespace bdk

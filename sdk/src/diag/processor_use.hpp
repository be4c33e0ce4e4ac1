// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <sys/types.h>

#include <chrono>

namespace bdk {

/// A pthread's use of the machine's cores since it began.
struct ProcessorUse {
    bool is_ready = false;              ///< it runs, or is ready to run; false: it sleeps in a call
    std::chrono::nanoseconds ran{};     ///< on a core
    std::chrono::nanoseconds waited{};  ///< time ready to run but without a core, in periods that have ended
};

/// [any thread] Reads the use of a pthread of this process, by its gettid(). Sources: proc(5),
/// /proc/PID/task/TID/stat and schedstat; clock_getcpuclockid(3). Values that the kernel does not report are
/// 0 and false.
ProcessorUse processor_use(pid_t tid) noexcept;

}  // namespace bdk

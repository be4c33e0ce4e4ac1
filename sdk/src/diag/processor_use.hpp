// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <sys/types.h>

#include <chrono>

namespace bdk {

/// What a pthread has had of the machine's cores, since it began.
struct ProcessorUse {
    bool is_ready = false;              ///< it runs, or would if it had a core; false: it sleeps in a call
    std::chrono::nanoseconds ran{};     ///< on a core
    std::chrono::nanoseconds waited{};  ///< ready to run and without a core, as far as that has ended
};

/// [any thread] Of a pthread of this process, by its gettid(). Sources: proc(5), /proc/PID/task/TID/stat and
/// schedstat; clock_getcpuclockid(3). What the kernel does not tell is 0 and false.
ProcessorUse processor_use(pid_t tid) noexcept;

}  // namespace bdk

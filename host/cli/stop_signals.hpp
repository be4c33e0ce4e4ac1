// SPDX-License-Identifier: BSD-3-Clause
// The signals that `run` and `perf` take one by one, with SignalWatch. They are blocked from the first
// instruction of the program on, so that an early signal waits instead of ending the process.
#pragma once

#include <csignal>
#include <initializer_list>

namespace bdevkit::host {

/// SIGTERM, SIGINT, SIGHUP and SIGUSR1.
inline sigset_t stop_signals() noexcept {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1})
        sigaddset(&signals, signal);
    return signals;
}

/// [main thread, before any other thread] Blocks the signals; threads created later inherit this.
inline void hold_stop_signals() noexcept {
    const sigset_t signals = stop_signals();
    sigprocmask(SIG_BLOCK, &signals, nullptr);
}

/// [main thread, before any other thread] Unblocks the signals, for commands that such a signal simply ends.
inline void release_stop_signals() noexcept {
    const sigset_t signals = stop_signals();
    sigprocmask(SIG_UNBLOCK, &signals, nullptr);
}

}  // namespace bdevkit::host

// SPDX-License-Identifier: BSD-3-Clause
// Captures what a reactor is doing, from a signal handler on the reactor's pthread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace bdk {

class Reactor;

struct StackCapture {
    std::string doing;          ///< "poller 'sweep' of raid.so"; empty between two calls of modules
    uint64_t ios = 0;           ///< bdev_ios that the thread has taken and not freed
    std::string thread;         ///< name of the bdk_thread whose turn it is; empty between turns
    bool has_messages = false;  ///< messages wait for that thread
    std::string backtrace;      ///< one line per frame, each begins with a line end
};

/// [not a reactor] Asks `reactor`. Empty when it does not answer within a second, because its pthread hangs
/// in the kernel or the signal has another handler.
std::optional<StackCapture> capture_stack(Reactor& reactor);

}  // namespace bdk

// SPDX-License-Identifier: BSD-3-Clause
// What a reactor is doing, told by the reactor's own pthread from a signal handler.
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

/// [not a reactor] Asks `reactor`. Nothing when it does not answer within a second: its pthread hangs in the
/// kernel, or somebody else has taken the signal.
std::optional<StackCapture> capture_stack(Reactor& reactor);

}  // namespace bdk

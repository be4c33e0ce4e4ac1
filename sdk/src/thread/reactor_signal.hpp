// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <csignal>

namespace bdk {

/// [any thread] The signal by which a reactor is asked what it is doing (diag/stack_capture.hpp). Its pthread
/// must not block it.
inline int reactor_signal() noexcept {
    return SIGRTMIN + 6;
}

}  // namespace bdk

// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <vector>

namespace bdk {

enum class ReactorMode {
    poll,       ///< never sleeps
    interrupt,  ///< sleeps whenever nothing is ready
    adaptive,   ///< polls while there is work, then sleeps
};

/// The reactor options of the stack's `host:` section.
struct ReactorOptions {
    std::vector<uint32_t> cores;  ///< one pinned reactor each; empty: one reactor, not pinned
    ReactorMode mode = ReactorMode::adaptive;
};

}  // namespace bdk

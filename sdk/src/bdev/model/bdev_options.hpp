// SPDX-License-Identifier: BSD-3-Clause
// The options of the bdev layer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bdk {

/// The bdev layer's part of the stack's `host:` section.
struct BdevOptions {
    uint32_t bdev_io_pool_size = 65536;  ///< bdev_ios of the whole process; a further one is -ENOMEM
    uint32_t bdev_io_cache_size = 256;   ///< bdev_ios that a thread keeps when none is in use
    uint32_t late_io_ms = 30'000;        ///< an I/O outstanding for longer is reported; 0: never
    uint32_t late_call_ms = 10'000;  ///< a longer call of a module's init, create, ... is reported; 0: never
    uint32_t examine_limit_ms = 10'000;  ///< how long the host waits for an examination; 0: no limit
    bool auto_examine = true;
    std::vector<std::string> examine = {};       ///< bdevs that are examined in any case
    std::vector<std::string> client_bdevs = {};  ///< see client_data.hpp
};

/// [app thread] Sets the options, at the start of the layer.
void set_bdev_options(const BdevOptions& options);

/// [any thread] The options in force.
const BdevOptions& bdev_options();

}  // namespace bdk

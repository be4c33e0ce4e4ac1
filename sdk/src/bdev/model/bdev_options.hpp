// SPDX-License-Identifier: BSD-3-Clause
// The options of the bdev layer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bdk {

/// The stack's `host:` section, as far as the bdev layer is concerned.
struct BdevOptions {
    uint32_t bdev_io_pool_size = 65536;  ///< bdev_ios of the whole process; the next one is -ENOMEM
    uint32_t bdev_io_cache_size = 256;   ///< bdev_ios that a thread keeps for itself when it has none in use
    uint32_t late_io_ms = 30'000;        ///< an I/O outstanding longer is reported; 0: never
    uint32_t late_call_ms = 10'000;  ///< a module's init, create, ... that takes longer is reported; 0: never
    uint32_t examine_limit_ms = 10'000;  ///< an examination that takes longer is not waited for; 0: always
    bool auto_examine = true;
    std::vector<std::string> examine = {};       ///< bdevs that are examined whatever the rules say
    std::vector<std::string> client_bdevs = {};  ///< see client_data.hpp
};

/// [app thread] At the start of the layer.
void set_bdev_options(const BdevOptions& options);

/// [any thread] The options in force.
const BdevOptions& bdev_options();

}  // namespace bdk

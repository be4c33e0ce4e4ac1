// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <string>

namespace bdk {

/// The stack's `host:` section, as far as memory is concerned.
struct EnvOptions {
    std::string hugepages = "auto";  ///< `auto`, `off`, or a size such as `1GiB` that must be available
    uint64_t memory = 512ull << 20;  ///< bytes of the heap for small DMA memory, allocated as it is touched
    uint32_t iobuf_small_count = 1024;
    uint32_t iobuf_large_count = 64;
    uint32_t iobuf_small_size = 8 * 1024;     ///< bytes
    uint32_t iobuf_large_size = 1024 * 1024;  ///< bytes
};

}  // namespace bdk

// SPDX-License-Identifier: BSD-3-Clause
// The module's options.
#pragma once

#include <bdevkit/option.hpp>

#include <cstdint>

enum class NvmeTransport : uint32_t { automatic, kernel, pcie };

struct NvmeOptions {
    NvmeTransport transport;
    const char* address;
    uint32_t queue_depth;
    bdevkit::Duration timeout;
};

// SPDX-License-Identifier: BSD-3-Clause
// The module's options.
#pragma once

#include <bdevkit/option.hpp>

#include <cstdint>

enum class NvmeTransport : uint32_t { automatic, kernel };

struct NvmeOptions {
    NvmeTransport transport;
    const char* address;
};

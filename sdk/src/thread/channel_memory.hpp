// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

struct bdk_io_channel;

namespace bdk {

/// A channel with `ctx_size` zeroed bytes of context. Throws std::bad_alloc.
bdk_io_channel* allocate_channel(uint32_t ctx_size);
void free_channel(bdk_io_channel* ch);

/// Makes AddressSanitizer report any use of the context from here on.
void poison_context(bdk_io_channel* ch);

}  // namespace bdk

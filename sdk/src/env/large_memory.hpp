// SPDX-License-Identifier: BSD-3-Clause
// Large pieces of DMA memory, mapped on their own: bounded by the machine's memory, and free of cost until
// they are touched.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/export.hpp"

namespace bdk {

/// From this many bytes on, memory is mapped on its own. Every such piece starts at a multiple of it, so that
/// the address alone tells most small pieces from large ones.
inline constexpr size_t large_memory_unit = 2u << 20;

/// [any thread] Zeroed memory. `align`: a power of two, in bytes. nullptr when there is none.
BDK_INTERNAL void* large_memory_alloc(size_t size, size_t align);

/// [any thread] Frees `buf` if large_memory_alloc() made it; false when not.
BDK_INTERNAL bool large_memory_free(void* buf);

/// [any thread] Bytes from `buf` to the end of the large piece that holds it; 0 when none does, or when it is
/// not in hugepages.
BDK_INTERNAL uint64_t large_memory_hugepage_bytes_from(const void* buf);

}  // namespace bdk

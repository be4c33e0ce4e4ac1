// SPDX-License-Identifier: BSD-3-Clause
// Large pieces of DMA memory, mapped separately. They are limited only by the machine's memory, and cost
// nothing until they are touched.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/export.hpp"

namespace bdk {

/// Memory of at least this size is mapped separately. Every such piece starts at a multiple of it, so the
/// address alone distinguishes most small pieces from large ones.
inline constexpr size_t large_memory_unit = 2u << 20;

/// [any thread] Zeroed memory. `align`: a power of two, in bytes. nullptr when memory runs out.
BDK_INTERNAL void* large_memory_alloc(size_t size, size_t align);

/// [any thread] Frees `buf` if large_memory_alloc() allocated it; otherwise returns false.
BDK_INTERNAL bool large_memory_free(void* buf);

/// [any thread] Bytes from `buf` to the end of the large piece that holds it; 0 when none does, or when it is
/// not in hugepages.
BDK_INTERNAL uint64_t large_memory_hugepage_bytes_from(const void* buf);

}  // namespace bdk

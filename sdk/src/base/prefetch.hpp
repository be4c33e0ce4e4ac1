// SPDX-License-Identifier: BSD-3-Clause
#pragma once

namespace bdk {

/// Fetches the cache line at `address` in order to write to it.
inline void prefetch_for_write(const void* address) noexcept {
#ifdef __x86_64__
    // The builtin generates a prefetch for reading, unless the target is a newer processor.
    asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(address)));
#else
    __builtin_prefetch(address, 1);
#endif
}

}  // namespace bdk

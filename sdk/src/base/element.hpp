// SPDX-License-Identifier: BSD-3-Clause
// Structs that are passed in arrays and may grow. The two sides of an array may know elements of different
// sizes, so the array comes with the size of one element, and what only one side knows is zero.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace bdk {

/// [any thread] Whether an array may have elements of that size. @param least bytes that they had in ABI 1.0
constexpr bool is_element_size(uint32_t size, uint32_t least) noexcept {
    return size >= least && size <= 4096 && size % alignof(uint64_t) == 0;
}

/// [any thread] The n-th element of an array whose elements have `size` bytes.
template <typename T>
T* element_at(T* array, uint32_t n, uint32_t size) noexcept {
    return reinterpret_cast<T*>(reinterpret_cast<uintptr_t>(array) + uint64_t{n} * size);
}

/// [any thread] Copies one element to an array of elements of another size.
inline void copy_element(void* to, uint32_t to_size, const void* from, uint32_t from_size) noexcept {
    const uint32_t both = std::min(to_size, from_size);
    std::memcpy(to, from, both);
    std::memset(static_cast<std::byte*>(to) + both, 0, to_size - both);
}

}  // namespace bdk

// SPDX-License-Identifier: BSD-3-Clause
// A caller or a plugin of a newer ABI may know structs that are longer, and flags, which this host does not
// know. The host refuses what it does not know, because to ignore it would do something else than what was
// asked for. The rule is in abi.h; its parts are here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/export.hpp"

namespace bdk {

/// [any thread] Why the struct of `size` bytes is refused: 0 for no reason, -EINVAL if it is shorter than
/// `least`, -E2BIG if a byte from `known` on is not zero, or it is longer than any struct.
BDK_INTERNAL int wrong_size(const void* source, size_t size, size_t least, size_t known) noexcept;

/// "bdk_bdev_claim_opts has 56 bytes, and those beyond the 48 that ABI 1.0 knows are not zero: ...": for a
/// result of wrong_size().
BDK_INTERNAL std::string wrong_size_text(std::string_view type, size_t size, size_t known, int rc);

/// "bdk_bdev.flags has bit 7 set (of 0x80), which ABI 1.0 does not know: ...".
BDK_INTERNAL std::string unknown_bits_text(std::string_view field, uint64_t bits);

/// [any thread] Logs the reason of wrong_size(). @return rc
[[gnu::cold]] BDK_INTERNAL int refuse_size(const char* type, size_t size, size_t known, int rc) noexcept;

/// [any thread] Logs that the field has unknown bits. @return -EINVAL
[[gnu::cold]] BDK_INTERNAL int refuse_bits(const char* field, uint64_t bits) noexcept;

/// [any thread] Checks the length of a struct that starts with its size. @param least bytes that it had in
/// ABI 1.0 @return 0, or -EINVAL or -E2BIG (logged)
template <typename T>
int check_size(const T* source, const char* type, size_t least) noexcept {
    if (source->size == sizeof(T)) [[likely]]
        return 0;
    const int rc = wrong_size(source, source->size, least, sizeof(T));
    return rc == 0 ? 0 : refuse_size(type, source->size, sizeof(T), rc);
}

/// [any thread] Checks flags, or with `known` 0 a reserved field. @return 0, or -EINVAL (logged)
inline int check_bits(const char* field, uint64_t value, uint64_t known) noexcept {
    if ((value & ~known) == 0) [[likely]]
        return 0;
    return refuse_bits(field, value & ~known);
}

}  // namespace bdk

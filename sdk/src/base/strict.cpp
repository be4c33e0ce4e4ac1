// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "core"
#include "base/strict.hpp"

#include <bdevkit/abi.h>
#include <bdevkit/log.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <new>

namespace bdk {

namespace {

// A longer one has no size but something else in its first field.
constexpr size_t longest_struct = 4096;

constexpr const char* advice =
    "the caller is of a newer ABI than this host's, or has not set the struct to zero first";

}  // namespace

int wrong_size(const void* source, size_t size, size_t least, size_t known) noexcept {
    if (size < least) return -EINVAL;
    if (size <= known) return 0;
    if (size > longest_struct) return -E2BIG;
    const auto* bytes = static_cast<const std::byte*>(source);
    const bool zero =
        std::all_of(bytes + known, bytes + size, [](std::byte byte) { return byte == std::byte{}; });
    return zero ? 0 : -E2BIG;
}

std::string wrong_size_text(std::string_view type, size_t size, size_t known, int rc) {
    if (rc == -EINVAL)
        return fmt::format("{} has the size {}: set it to sizeof(struct {})", type, size, type);
    if (size > longest_struct)
        return fmt::format("{} has the size {}, more than any struct: set it to sizeof(struct {})", type,
                           size, type);
    return fmt::format("{} has {} bytes, and those beyond the {} that ABI {}.{} knows are not zero: {}", type,
                       size, known, BDK_ABI_MAJOR, BDK_ABI_MINOR, advice);
}

std::string unknown_bits_text(std::string_view field, uint64_t bits) {
    return fmt::format("{} has bit {} set (of {:#x}), which ABI {}.{} does not know: {}", field,
                       std::countr_zero(bits), bits, BDK_ABI_MAJOR, BDK_ABI_MINOR, advice);
}

int refuse_size(const char* type, size_t size, size_t known, int rc) noexcept {
    try {
        BDK_ERRLOG("%s", wrong_size_text(type, size, known, rc).c_str());
    } catch (const std::bad_alloc&) {  // the log does without
    }
    return rc;
}

int refuse_bits(const char* field, uint64_t bits) noexcept {
    try {
        BDK_ERRLOG("%s", unknown_bits_text(field, bits).c_str());
    } catch (const std::bad_alloc&) {  // the log does without
    }
    return -EINVAL;
}

}  // namespace bdk

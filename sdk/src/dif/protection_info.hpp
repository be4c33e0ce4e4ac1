// SPDX-License-Identifier: BSD-3-Clause
// The bytes of protection information, and their position in a block.
#pragma once

#include <bdevkit/dif.h>

#include <cstddef>
#include <cstdint>

namespace bdk {

constexpr size_t max_pi_size = 16;
constexpr uint16_t app_tag_escape = 0xFFFF;

/// One block's PI. Of the 80 bits of a ref tag in the 32-bit format `ref_high` is the top.
struct ProtectionInfo {
    uint64_t guard = 0;
    uint64_t ref_tag = 0;
    uint16_t app_tag = 0;
    uint16_t ref_high = 0;
};

/// The layout of a block, made from a bdk_dif_ctx.
struct BlockLayout {
    uint32_t data_size = 0;
    uint32_t md_size = 0;
    uint32_t pi_size = 0;    ///< 0 without PI
    uint32_t pi_offset = 0;  ///< in the metadata; the guard covers the metadata before
    bool interleaved = false;
};

/// The fault of the layout that `ctx` describes, or nullptr with *layout set. `ctx` must have the host's
/// struct size.
const char* make_layout(const bdk_dif_ctx& ctx, BlockLayout* layout);

/// The bits of a ref tag in this format, without `ref_high`.
uint64_t ref_tag_mask(uint32_t pi_format);

ProtectionInfo load_pi(const std::byte* bytes, uint32_t pi_format);
void store_pi(std::byte* bytes, uint32_t pi_format, const ProtectionInfo& pi);

/// The PI of a block with that ref tag; in a ref tag of all ones the high bits are set too.
ProtectionInfo make_pi(uint32_t pi_format, uint64_t guard, uint16_t app_tag, uint64_t ref_tag);

/// True if the block is not to be checked.
bool is_escaped(const ProtectionInfo& pi, uint32_t dif_type, uint32_t pi_format);

/// A guard, computed piece by piece.
class Guard {
public:
    enum class Kind { none, crc16, crc32c };

    Guard(Kind kind, uint64_t seed) noexcept;

    void add(const std::byte* bytes, size_t length) noexcept;
    /// Like add(), and copies the bytes to `to` in the same pass.
    void add_copy(std::byte* to, const std::byte* bytes, size_t length) noexcept;
    uint64_t value() const noexcept;

    static Kind kind_of(uint32_t dif_type, uint32_t pi_format) noexcept {
        if (dif_type == 0) return Kind::none;
        return pi_format == BDK_DIF_PI_FORMAT_16 ? Kind::crc16 : Kind::crc32c;
    }

private:
    Kind kind_;
    uint32_t crc_;
};

}  // namespace bdk

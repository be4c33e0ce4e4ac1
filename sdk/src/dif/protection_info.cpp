// SPDX-License-Identifier: BSD-3-Clause
#include "dif/protection_info.hpp"

#include <endian.h>
#include <isa-l/crc.h>

#include <cstring>

namespace bdk {

namespace {

template <typename T>
T load(const std::byte* bytes) {
    T value;
    std::memcpy(&value, bytes, sizeof(value));
    if constexpr (sizeof(T) == 2) return be16toh(value);
    if constexpr (sizeof(T) == 4) return be32toh(value);
    if constexpr (sizeof(T) == 8) return be64toh(value);
}

template <typename T>
void store(std::byte* bytes, uint64_t number) {
    T value{};
    if constexpr (sizeof(T) == 2) value = htobe16(static_cast<T>(number));
    if constexpr (sizeof(T) == 4) value = htobe32(static_cast<T>(number));
    if constexpr (sizeof(T) == 8) value = htobe64(number);
    std::memcpy(bytes, &value, sizeof(value));
}

}  // namespace

const char* make_layout(const bdk_dif_ctx& ctx, BlockLayout* layout) {
    constexpr uint32_t known_flags = BDK_DIF_MD_INTERLEAVED | BDK_DIF_HEAD_OF_MD;
    constexpr uint32_t known_checks = BDK_DIF_CHECK_GUARD | BDK_DIF_CHECK_APPTAG | BDK_DIF_CHECK_REFTAG;
    if ((ctx.flags & ~known_flags) != 0) return "bdk_dif_ctx.flags has bits other than BDK_DIF_*";
    if ((ctx.check_flags & ~known_checks) != 0)
        return "bdk_dif_ctx.check_flags has bits other than BDK_DIF_CHECK_*";
    if (ctx.dif_type > 3) return "dif_type must be 0 to 3";
    if (ctx.dif_type != 0 && ctx.pi_format == BDK_DIF_PI_FORMAT_64)
        return "dif_pi_format 2 (64-bit guard) is not supported: use 0 (16-bit) or 1 (32-bit)";
    if (ctx.dif_type != 0 && ctx.pi_format > BDK_DIF_PI_FORMAT_64) return "dif_pi_format must be 0 or 1";
    layout->interleaved = (ctx.flags & BDK_DIF_MD_INTERLEAVED) != 0;
    layout->md_size = ctx.md_size;
    if (layout->interleaved && ctx.md_size >= ctx.block_size)
        return "the metadata leave no room for data in the block";
    layout->data_size = ctx.block_size - (layout->interleaved ? ctx.md_size : 0);
    if (layout->data_size == 0) return "the block has no data";
    if (ctx.dif_type == 0) return nullptr;
    layout->pi_size = ctx.pi_format == BDK_DIF_PI_FORMAT_16 ? 8 : 16;
    if (ctx.md_size < layout->pi_size)
        return "the metadata are too short for the protection information: dif_pi_format 0 takes 8 bytes, 1 "
               "takes 16";
    layout->pi_offset = (ctx.flags & BDK_DIF_HEAD_OF_MD) != 0 ? 0 : ctx.md_size - layout->pi_size;
    return nullptr;
}

uint64_t ref_tag_mask(uint32_t pi_format) {
    return pi_format == BDK_DIF_PI_FORMAT_16 ? UINT32_MAX : UINT64_MAX;
}

ProtectionInfo load_pi(const std::byte* bytes, uint32_t pi_format) {
    if (pi_format == BDK_DIF_PI_FORMAT_16)
        return {.guard = load<uint16_t>(bytes),
                .ref_tag = load<uint32_t>(bytes + 4),
                .app_tag = load<uint16_t>(bytes + 2),
                .ref_high = 0};
    return {.guard = load<uint32_t>(bytes),
            .ref_tag = load<uint64_t>(bytes + 8),
            .app_tag = load<uint16_t>(bytes + 4),
            .ref_high = load<uint16_t>(bytes + 6)};
}

void store_pi(std::byte* bytes, uint32_t pi_format, const ProtectionInfo& pi) {
    if (pi_format == BDK_DIF_PI_FORMAT_16) {
        store<uint16_t>(bytes, pi.guard);
        store<uint16_t>(bytes + 2, pi.app_tag);
        store<uint32_t>(bytes + 4, pi.ref_tag);
        return;
    }
    store<uint32_t>(bytes, pi.guard);
    store<uint16_t>(bytes + 4, pi.app_tag);
    store<uint16_t>(bytes + 6, pi.ref_high);
    store<uint64_t>(bytes + 8, pi.ref_tag);
}

ProtectionInfo make_pi(uint32_t pi_format, uint64_t guard, uint16_t app_tag, uint64_t ref_tag) {
    const uint64_t mask = ref_tag_mask(pi_format);
    const bool has_high = pi_format != BDK_DIF_PI_FORMAT_16;
    return {.guard = guard,
            .ref_tag = ref_tag & mask,
            .app_tag = app_tag,
            .ref_high = static_cast<uint16_t>(has_high && ref_tag == mask ? UINT16_MAX : 0)};
}

bool is_escaped(const ProtectionInfo& pi, uint32_t dif_type, uint32_t pi_format) {
    if (pi.app_tag != app_tag_escape) return false;
    if (dif_type != 3) return true;
    return pi.ref_tag == ref_tag_mask(pi_format) &&
           (pi_format == BDK_DIF_PI_FORMAT_16 || pi.ref_high == UINT16_MAX);
}

/* isa-l takes a non-const pointer to its source, but does not change it. */

namespace {

uint8_t* octets(const std::byte* bytes) {
    return const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(bytes));
}

}  // namespace

Guard::Guard(Kind kind, uint64_t seed) noexcept
    : kind_(kind), crc_(kind == Kind::crc32c ? ~static_cast<uint32_t>(seed) : static_cast<uint32_t>(seed)) {}

void Guard::add(const std::byte* bytes, size_t length) noexcept {
    if (kind_ == Kind::crc16)
        crc_ = crc16_t10dif(static_cast<uint16_t>(crc_), octets(bytes), length);
    else if (kind_ == Kind::crc32c)
        crc_ = crc32_iscsi(octets(bytes), static_cast<int>(length), crc_);
}

void Guard::add_copy(std::byte* to, const std::byte* bytes, size_t length) noexcept {
    if (kind_ == Kind::crc16) {
        crc_ = crc16_t10dif_copy(static_cast<uint16_t>(crc_), octets(to), octets(bytes), length);
        return;
    }
    std::memcpy(to, bytes, length);
    add(bytes, length);
}

uint64_t Guard::value() const noexcept {
    return kind_ == Kind::crc32c ? static_cast<uint32_t>(~crc_) : crc_;
}

}  // namespace bdk

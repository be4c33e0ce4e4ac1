// SPDX-License-Identifier: BSD-3-Clause
// The operations of dif.h on blocks in memory. Interleaved metadata are read from the data's cursor, separate
// metadata from a second cursor; otherwise both cases are the same.
#define BDK_LOG_COMPONENT "dif"
#include <bdevkit/dif.h>
#include <bdevkit/log.h>
#include <bdevkit/iov_cursor.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/strict.hpp"
#include "dif/protection_info.hpp"

namespace bdk {

namespace {

using bdevkit::IovCursor;
using bdevkit::iovs_hold;
using PiBytes = std::array<std::byte, max_pi_size>;

/// The blocks of one call, and its current position.
class Blocks {
public:
    Blocks() = default;
    Blocks(const Blocks&) = delete;
    Blocks& operator=(const Blocks&) = delete;

    /// @return 0, -EINVAL or -E2BIG
    int open(const bdk_dif_ctx* given, const iovec* iovs, int32_t iovcnt, const void* md_buf,
             uint64_t num_blocks) {
        if (int rc = check_size(given, "bdk_dif_ctx", 48); rc != 0) return rc;
        std::memcpy(&ctx_, given, std::min<size_t>(given->size, sizeof(ctx_)));
        if (const char* wrong = make_layout(ctx_, &layout_); wrong != nullptr) {
            BDK_ERRLOG("%s", wrong);
            return -EINVAL;
        }
        const bool separate = !layout_.interleaved && layout_.pi_size != 0;
        if (separate && md_buf == nullptr && num_blocks != 0) return -EINVAL;
        if (num_blocks > UINT64_MAX / ctx_.block_size) return -EINVAL;
        if (!iovs_hold(iovs, iovcnt, num_blocks * ctx_.block_size)) return -EINVAL;
        num_blocks_ = num_blocks;
        data_ = IovCursor(iovs);
        md_iov_ = {const_cast<void*>(md_buf), num_blocks * layout_.md_size};
        return 0;
    }

    const bdk_dif_ctx& ctx() const noexcept { return ctx_; }
    const BlockLayout& layout() const noexcept { return layout_; }
    uint64_t count() const noexcept { return num_blocks_; }
    bool has_pi() const noexcept { return layout_.pi_size != 0; }
    /// Separate metadata without a buffer are left out.
    bool has_md() const noexcept { return layout_.interleaved || md_iov_.iov_base != nullptr; }

    IovCursor& data() noexcept { return data_; }
    IovCursor& md() noexcept { return layout_.interleaved ? data_ : md_; }
    uint32_t md_after_pi() const noexcept { return layout_.md_size - layout_.pi_offset - layout_.pi_size; }

    Guard new_guard(bool wanted = true) const noexcept {
        const auto kind = wanted ? Guard::kind_of(ctx_.dif_type, ctx_.pi_format) : Guard::Kind::none;
        return {kind, ctx_.guard_seed};
    }
    bool checks(uint32_t check) const noexcept { return (ctx_.check_flags & check) != 0; }

    uint64_t ref_tag_of(uint64_t block, uint64_t first) const noexcept {
        return ctx_.dif_type == 3 ? first : (first + block) & ref_tag_mask(ctx_.pi_format);
    }

    void write_pi(const ProtectionInfo& pi) { write_pi_at(md(), pi); }

    void write_pi_at(IovCursor& place, const ProtectionInfo& pi) const {
        PiBytes bytes;
        store_pi(bytes.data(), ctx_.pi_format, pi);
        place.write(bytes.data(), layout_.pi_size);
    }

    ProtectionInfo read_pi() {
        PiBytes bytes;
        md().read(bytes.data(), layout_.pi_size);
        return load_pi(bytes.data(), ctx_.pi_format);
    }

    /// The PI of `block`, made with `guard`.
    ProtectionInfo pi_of(uint64_t block, uint64_t guard) const noexcept {
        return make_pi(ctx_.pi_format, guard, ctx_.app_tag, ref_tag_of(block, ctx_.ref_tag));
    }

private:
    bdk_dif_ctx ctx_{};
    BlockLayout layout_{};
    uint64_t num_blocks_ = 0;
    IovCursor data_{nullptr};
    iovec md_iov_{};
    IovCursor md_{&md_iov_};
};

int report(bdk_dif_error* error, uint32_t check, uint64_t block, uint64_t expected, uint64_t actual) {
    if (error == nullptr) return -EILSEQ;
    const bdk_dif_error found{error->size, check, block, expected, actual};
    std::memcpy(error, &found, std::min<size_t>(error->size, sizeof(found)));
    return -EILSEQ;
}

int check_ref_tag(const Blocks& blocks, uint64_t block, const ProtectionInfo& pi, bdk_dif_error* error) {
    const ProtectionInfo expected = blocks.pi_of(block, 0);
    const bool equal = pi.ref_tag == expected.ref_tag && pi.ref_high == expected.ref_high;
    return equal ? 0 : report(error, BDK_DIF_CHECK_REFTAG, block, expected.ref_tag, pi.ref_tag);
}

int check_pi(const Blocks& blocks, uint64_t block, const ProtectionInfo& pi, uint64_t guard,
             bdk_dif_error* error) {
    const bdk_dif_ctx& ctx = blocks.ctx();
    if (is_escaped(pi, ctx.dif_type, ctx.pi_format)) return 0;
    if (blocks.checks(BDK_DIF_CHECK_GUARD) && pi.guard != guard)
        return report(error, BDK_DIF_CHECK_GUARD, block, guard, pi.guard);
    if (blocks.checks(BDK_DIF_CHECK_APPTAG) && ((pi.app_tag ^ ctx.app_tag) & ctx.app_tag_mask) != 0)
        return report(error, BDK_DIF_CHECK_APPTAG, block, ctx.app_tag & ctx.app_tag_mask,
                      pi.app_tag & ctx.app_tag_mask);
    if (blocks.checks(BDK_DIF_CHECK_REFTAG) && ctx.dif_type != 3)
        return check_ref_tag(blocks, block, pi, error);
    return 0;
}

/// Adds the next `n` bytes to the guard.
void add(Guard& guard, IovCursor& cursor, size_t n) {
    cursor.take(n, [&](const std::byte* bytes, size_t length) { guard.add(bytes, length); });
}

void add_zeroes(Guard& guard, IovCursor& cursor, size_t n) {
    cursor.take(n, [&](std::byte* bytes, size_t length) {
        std::memset(bytes, 0, length);
        guard.add(bytes, length);
    });
}

/// Copies `n` bytes of data from one cursor to the other and adds them to the guard.
void copy(Guard& guard, IovCursor& to, IovCursor& from, size_t n) {
    to.take(n, [&](std::byte* target, size_t room) {
        from.take(room, [&](const std::byte* bytes, size_t length) {
            guard.add_copy(target, bytes, length);
            target += length;
        });
    });
}

/// The checks of a verify that reaches the metadata of `block`, with the guard of its data.
int verify_md(Blocks& blocks, uint64_t block, Guard& guard, bdk_dif_error* error) {
    add(guard, blocks.md(), blocks.layout().pi_offset);
    const ProtectionInfo pi = blocks.read_pi();
    blocks.md().skip(blocks.md_after_pi());
    return check_pi(blocks, block, pi, guard.value(), error);
}

/// Calls fn(block, pi, place) for each block until it returns non-zero; `place` is the position of the
/// block's PI. @return the result of the last call
template <class Fn>
int for_each_pi(Blocks& blocks, Fn&& fn) {
    for (uint64_t block = 0; block < blocks.count(); block++) {
        blocks.data().skip(blocks.layout().data_size);
        blocks.md().skip(blocks.layout().pi_offset);
        IovCursor place = blocks.md();
        const ProtectionInfo pi = blocks.read_pi();
        blocks.md().skip(blocks.md_after_pi());
        if (const int rc = fn(block, pi, place); rc != 0) return rc;
    }
    return 0;
}

/// The data side of a copy.
int open_data(const Blocks& blocks, const iovec* iovs, int32_t iovcnt) {
    return iovs_hold(iovs, iovcnt, blocks.count() * blocks.layout().data_size) ? 0 : -EINVAL;
}

}  // namespace

}  // namespace bdk

using bdevkit::IovCursor;
using bdk::Blocks;
using bdk::Guard;
using bdk::ProtectionInfo;

int bdk_dif_generate(const bdk_dif_ctx* ctx, const iovec* iovs, int32_t iovcnt, void* md_buf,
                     uint64_t num_blocks) {
    Blocks blocks;
    if (int rc = blocks.open(ctx, iovs, iovcnt, md_buf, num_blocks); rc != 0) return rc;
    if (!blocks.has_pi()) return 0;
    for (uint64_t block = 0; block < num_blocks; block++) {
        Guard guard = blocks.new_guard();
        bdk::add(guard, blocks.data(), blocks.layout().data_size);
        bdk::add(guard, blocks.md(), blocks.layout().pi_offset);
        blocks.write_pi(blocks.pi_of(block, guard.value()));
        blocks.md().skip(blocks.md_after_pi());
    }
    return 0;
}

int bdk_dif_verify(const bdk_dif_ctx* ctx, const iovec* iovs, int32_t iovcnt, const void* md_buf,
                   uint64_t num_blocks, bdk_dif_error* error) {
    Blocks blocks;
    if (int rc = blocks.open(ctx, iovs, iovcnt, md_buf, num_blocks); rc != 0) return rc;
    if (!blocks.has_pi() || blocks.ctx().check_flags == 0) return 0;
    for (uint64_t block = 0; block < num_blocks; block++) {
        Guard guard = blocks.new_guard(blocks.checks(BDK_DIF_CHECK_GUARD));
        bdk::add(guard, blocks.data(), blocks.layout().data_size);
        if (int rc = bdk::verify_md(blocks, block, guard, error); rc != 0) return rc;
    }
    return 0;
}

int bdk_dif_generate_copy(const bdk_dif_ctx* ctx, const iovec* data_iovs, int32_t data_iovcnt,
                          const iovec* iovs, int32_t iovcnt, void* md_buf, uint64_t num_blocks) {
    Blocks blocks;
    if (int rc = blocks.open(ctx, iovs, iovcnt, md_buf, num_blocks); rc != 0) return rc;
    if (int rc = bdk::open_data(blocks, data_iovs, data_iovcnt); rc != 0) return rc;
    IovCursor from(data_iovs);
    for (uint64_t block = 0; block < num_blocks; block++) {
        Guard guard = blocks.new_guard();
        bdk::copy(guard, blocks.data(), from, blocks.layout().data_size);
        if (!blocks.has_md()) continue;
        bdk::add_zeroes(guard, blocks.md(), blocks.layout().pi_offset);
        if (blocks.has_pi()) blocks.write_pi(blocks.pi_of(block, guard.value()));
        bdk::add_zeroes(guard, blocks.md(), blocks.md_after_pi());
    }
    return 0;
}

int bdk_dif_verify_copy(const bdk_dif_ctx* ctx, const iovec* data_iovs, int32_t data_iovcnt,
                        const iovec* iovs, int32_t iovcnt, const void* md_buf, uint64_t num_blocks,
                        bdk_dif_error* error) {
    Blocks blocks;
    if (int rc = blocks.open(ctx, iovs, iovcnt, md_buf, num_blocks); rc != 0) return rc;
    if (int rc = bdk::open_data(blocks, data_iovs, data_iovcnt); rc != 0) return rc;
    IovCursor to(data_iovs);
    int result = 0;
    for (uint64_t block = 0; block < num_blocks; block++) {
        Guard guard = blocks.new_guard(blocks.checks(BDK_DIF_CHECK_GUARD) && result == 0);
        bdk::copy(guard, to, blocks.data(), blocks.layout().data_size);
        if (blocks.has_pi() && result == 0)
            result = bdk::verify_md(blocks, block, guard, error);
        else if (blocks.has_md())
            blocks.md().skip(blocks.layout().md_size);
    }
    return result;
}

int bdk_dif_remap_ref_tag(const bdk_dif_ctx* ctx, const iovec* iovs, int32_t iovcnt, void* md_buf,
                          uint64_t num_blocks, uint64_t ref_tag, bdk_dif_error* error) {
    Blocks checked, changed;
    if (int rc = checked.open(ctx, iovs, iovcnt, md_buf, num_blocks); rc != 0) return rc;
    if (int rc = changed.open(ctx, iovs, iovcnt, md_buf, num_blocks); rc != 0) return rc;
    const auto dif_type = changed.ctx().dif_type;
    const auto pi_format = changed.ctx().pi_format;
    if (!changed.has_pi() || dif_type == 3) return 0;
    if (checked.checks(BDK_DIF_CHECK_REFTAG)) {
        const int rc = bdk::for_each_pi(checked, [&](uint64_t block, const ProtectionInfo& pi, IovCursor&) {
            return bdk::is_escaped(pi, dif_type, pi_format) ? 0
                                                            : bdk::check_ref_tag(checked, block, pi, error);
        });
        if (rc != 0) return rc;
    }
    return bdk::for_each_pi(changed, [&](uint64_t block, const ProtectionInfo& pi, IovCursor& place) {
        if (bdk::is_escaped(pi, dif_type, pi_format)) return 0;
        const uint64_t fit = changed.ref_tag_of(block, ref_tag);
        changed.write_pi_at(place, bdk::make_pi(pi_format, pi.guard, pi.app_tag, fit));
        return 0;
    });
}

int bdk_dif_inject_error(const bdk_dif_ctx* ctx, const iovec* iovs, int32_t iovcnt, void* md_buf,
                         uint64_t num_blocks, uint64_t block, uint32_t what) {
    Blocks blocks;
    constexpr uint32_t known =
        BDK_DIF_INJECT_REFTAG | BDK_DIF_INJECT_APPTAG | BDK_DIF_INJECT_GUARD | BDK_DIF_INJECT_DATA;
    if (int rc = blocks.open(ctx, iovs, iovcnt, md_buf, num_blocks); rc != 0) return rc;
    if (int rc = bdk::check_bits("what of bdk_dif_inject_error()", what, known); rc != 0) return rc;
    if (block >= num_blocks || !blocks.has_pi()) return -EINVAL;
    blocks.data().skip(block * ctx->block_size);
    if (!blocks.layout().interleaved) blocks.md().skip(block * ctx->md_size);
    IovCursor data = blocks.data();
    if ((what & BDK_DIF_INJECT_DATA) != 0)
        data.take(1, [](std::byte* first, size_t) { *first ^= std::byte{1}; });
    blocks.data().skip(blocks.layout().data_size);
    blocks.md().skip(blocks.layout().pi_offset);
    IovCursor place = blocks.md();
    ProtectionInfo pi = blocks.read_pi();
    if ((what & BDK_DIF_INJECT_GUARD) != 0) pi.guard ^= 1;
    if ((what & BDK_DIF_INJECT_APPTAG) != 0) pi.app_tag ^= 1;
    if ((what & BDK_DIF_INJECT_REFTAG) != 0) pi.ref_tag ^= 1;
    blocks.write_pi_at(place, pi);
    return 0;
}

// SPDX-License-Identifier: BSD-3-Clause
// Blocks with protection information (PI) for tests, made from data and taken apart again.
#pragma once

#include <bdevkit/bdev.h>
#include <bdevkit/dif.h>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/client.hpp"

namespace bdk::test {

/// NVMe status codes of a failed check; the status code type is 2, media.
constexpr uint32_t guard_error = 0x82;
constexpr uint32_t app_tag_error = 0x83;
constexpr uint32_t ref_tag_error = 0x84;

/// The blocks of `bdev` from `offset_blocks` on, as the DIF functions want them.
inline bdk_dif_ctx dif_of(const bdk_bdev* bdev, uint64_t offset_blocks) {
    bdk_dif_ctx ctx{};
    ctx.size = sizeof(ctx);
    bdk_dif_ctx_init(&ctx, bdev, offset_blocks,
                     BDK_DIF_CHECK_GUARD | BDK_DIF_CHECK_APPTAG | BDK_DIF_CHECK_REFTAG);
    return ctx;
}

/// Blocks in a client's memory; `md` is empty where metadata are interleaved.
struct ProtectedBlocks {
    /// Blocks with these data and PI for that place.
    ProtectedBlocks(const bdk_bdev* of, uint64_t at, std::vector<std::byte> data)
        : bdev(of), offset(at), count(data.size() / bdk_bdev_get_data_block_size(of)) {
        bytes.resize(count * bdk_bdev_get_block_size(of));
        if (!bdk_bdev_is_md_interleaved(of)) md.resize(count * bdk_bdev_get_md_size(of));
        const bdk_dif_ctx ctx = dif_of(bdev, offset);
        const iovec from{data.data(), data.size()}, to{bytes.data(), bytes.size()};
        check(bdk_dif_generate_copy(&ctx, &from, 1, &to, 1, md.data(), count));
    }

    /// Damages one part of one block.
    void inject(uint64_t block, uint32_t what) {
        const bdk_dif_ctx ctx = dif_of(bdev, offset);
        const iovec iov{bytes.data(), bytes.size()};
        check(bdk_dif_inject_error(&ctx, &iov, 1, md.data(), count, block, what));
    }

    /// The data, once all of the PI has been checked.
    std::vector<std::byte> data() const {
        std::vector<std::byte> result(count * bdk_bdev_get_data_block_size(bdev));
        const bdk_dif_ctx ctx = dif_of(bdev, offset);
        const iovec from{const_cast<std::byte*>(bytes.data()), bytes.size()},
            to{result.data(), result.size()};
        check(bdk_dif_verify_copy(&ctx, &to, 1, &from, 1, md.data(), count, nullptr));
        return result;
    }

    /// Metadata of all blocks, whether they were interleaved or not.
    std::vector<std::byte> metadata() const {
        if (!md.empty()) return md;
        std::vector<std::byte> result;
        const size_t block_size = bdk_bdev_get_block_size(bdev);
        for (size_t end = block_size; end <= bytes.size(); end += block_size)
            result.insert(result.end(), bytes.begin() + ptrdiff_t(end - bdk_bdev_get_md_size(bdev)),
                          bytes.begin() + ptrdiff_t(end));
        return result;
    }

    const bdk_bdev* bdev;
    uint64_t offset;
    uint64_t count;
    std::vector<std::byte> bytes;
    std::vector<std::byte> md;

private:
    static void check(int rc) {
        if (rc != 0) throw std::runtime_error("DIF: " + std::to_string(rc));
    }
};

/// Writes blocks with their metadata, leaving out some checks.
inline IoResult write_blocks(Client& client, ProtectedBlocks blocks, uint32_t exclude = 0) {
    iovec iov{blocks.bytes.data(), blocks.bytes.size()};
    bdk_bdev_io_opts opts{};
    opts.size = sizeof(opts);
    opts.md_buf = blocks.md.empty() ? nullptr : blocks.md.data();
    opts.dif_check_flags_exclude = exclude;
    return client.run([&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_writev_blocks(desc, ch, &iov, 1, blocks.offset, blocks.count, &opts, cb, arg);
    });
}

/// Reads blocks with their metadata into `blocks`, leaving out some checks.
inline IoResult read_blocks(Client& client, ProtectedBlocks& blocks, uint32_t exclude = 0) {
    iovec iov{blocks.bytes.data(), blocks.bytes.size()};
    bdk_bdev_io_opts opts{};
    opts.size = sizeof(opts);
    opts.md_buf = blocks.md.empty() ? nullptr : blocks.md.data();
    opts.dif_check_flags_exclude = exclude;
    return client.run([&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_readv_blocks(desc, ch, &iov, 1, blocks.offset, blocks.count, &opts, cb, arg);
    });
}

/// Reads blocks with their metadata; throws when that fails.
inline ProtectedBlocks read_blocks(Client& client, uint64_t offset, uint64_t count) {
    const size_t length = count * bdk_bdev_get_data_block_size(client.bdev());
    ProtectedBlocks blocks(client.bdev(), offset, std::vector<std::byte>(length));
    const IoResult result = read_blocks(client, blocks);
    if (!result.ok()) throw std::runtime_error("read: status " + std::to_string(result.status));
    return blocks;
}

}  // namespace bdk::test

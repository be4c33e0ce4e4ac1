// SPDX-License-Identifier: BSD-3-Clause
// DIF for modules that have an I/O in hand.
#define BDK_LOG_COMPONENT "dif"
#include "dif/dif_io.hpp"

#include <bdevkit/dif.h>
#include <bdevkit/log.h>

#include <algorithm>
#include <cstring>

#include "bdev/bdev.hpp"
#include "dif/protection_info.hpp"

namespace bdk {

bdk_dif_ctx dif_ctx_of(const bdk_bdev& bdev) {
    bdk_dif_ctx ctx{};
    ctx.size = sizeof(ctx);
    ctx.block_size = bdev.blocklen;
    ctx.md_size = bdev.md_len;
    if ((bdev.flags & BDK_BDEV_MD_INTERLEAVED) != 0) ctx.flags |= BDK_DIF_MD_INTERLEAVED;
    if ((bdev.flags & BDK_BDEV_DIF_HEAD_OF_MD) != 0) ctx.flags |= BDK_DIF_HEAD_OF_MD;
    ctx.dif_type = bdev.dif_type;
    ctx.pi_format = bdev.dif_pi_format;
    ctx.check_flags = bdev.dif_check_flags;
    ctx.app_tag_mask = UINT16_MAX;
    return ctx;
}

}  // namespace bdk

namespace {

constexpr uint32_t nvme_sct_media = 2;

struct FailedCheck {
    uint32_t sc;
    const char* name;
};

FailedCheck failed_check(uint32_t check) {
    switch (check) {
        case BDK_DIF_CHECK_GUARD:
            return {0x82, "guard"};
        case BDK_DIF_CHECK_APPTAG:
            return {0x83, "application tag"};
        default:
            return {0x84, "reference tag"};
    }
}

bdk_dif_ctx ctx_of(const bdk_bdev_io* io) {
    bdk_dif_ctx ctx{};
    ctx.size = sizeof(ctx);
    bdk_dif_ctx_init(&ctx, io->bdev, io->u.bdev.offset_blocks, io->u.bdev.dif_check_flags);
    return ctx;
}

}  // namespace

void bdk_dif_ctx_init(bdk_dif_ctx* result, const bdk_bdev* pub, uint64_t offset_blocks,
                      uint32_t check_flags) {
    const bdk_bdev& bdev = bdk::Bdev::of(pub)->config;
    bdk_dif_ctx ctx = bdk::dif_ctx_of(bdev);
    ctx.size = result->size;
    ctx.check_flags = check_flags;
    ctx.ref_tag = offset_blocks & bdk::ref_tag_mask(bdev.dif_pi_format);
    std::memcpy(result, &ctx, std::min<size_t>(result->size, sizeof(ctx)));
}

int bdk_bdev_io_dif_generate(bdk_bdev_io* io) {
    const bdk_dif_ctx ctx = ctx_of(io);
    const bdk_bdev_io_block_params& range = io->u.bdev;
    return bdk_dif_generate(&ctx, range.iovs, range.iovcnt, range.md_buf, range.num_blocks);
}

int bdk_bdev_io_dif_verify(const bdk_bdev_io* io, bdk_dif_error* error) {
    const bdk_dif_ctx ctx = ctx_of(io);
    const bdk_bdev_io_block_params& range = io->u.bdev;
    return bdk_dif_verify(&ctx, range.iovs, range.iovcnt, range.md_buf, range.num_blocks, error);
}

void bdk_bdev_io_complete_dif_error(bdk_bdev_io* io, const bdk_dif_error* error) {
    const FailedCheck failed = failed_check(error->check);
    // A copy's PI is checked where it comes from.
    const uint64_t first =
        io->type == BDK_BDEV_IO_TYPE_COPY ? io->u.bdev.src_offset_blocks : io->u.bdev.offset_blocks;
    BDK_ERRLOG("bdev '%s': %s of block %llu: %s is 0x%llx, expected 0x%llx", bdk_bdev_get_name(io->bdev),
               bdk_bdev_io_type_name(io->type), static_cast<unsigned long long>(first + error->block),
               failed.name, static_cast<unsigned long long>(error->actual),
               static_cast<unsigned long long>(error->expected));
    bdk_bdev_io_complete_nvme_status(io, 0, nvme_sct_media, failed.sc);
}

// SPDX-License-Identifier: BSD-3-Clause
// DIF functions for a module that handles an I/O.
#define BDK_LOG_COMPONENT "dif"
#include "bdev/path/dif_io.hpp"

#include <bdevkit/dif.h>
#include <bdevkit/log.h>

#include <algorithm>
#include <cstring>

#include "bdev/model/bdev.hpp"
#include "bdev/model/io_type.hpp"
#include "bdev/model/status.hpp"
#include "bdev/path/complete.hpp"
#include "dif/protection_info.hpp"

namespace bdk {

namespace {

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

}  // namespace

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

bool carries_ref_tags(const bdk_bdev_io* io) {
    const Bdev* bdev = Bdev::of(io->bdev);
    if (bdev->config.dif_type == 0 || bdev->config.dif_type == 3) return false;
    const bdk_bdev_io_block_params& params = io->u.bdev;
    const bool interleaved = (bdev->flags & BDK_BDEV_MD_INTERLEAVED) != 0;
    const RefTags tags = io_type(io->type).ref_tags;
    if (tags == RefTags::none) return false;
    if (!interleaved && (tags == RefTags::in_data || params.md_buf == nullptr)) return false;
    return (params.dif_check_flags & BDK_DIF_CHECK_REFTAG) != 0;
}

uint32_t report_dif_error(const bdk_bdev_io* io, const bdk_dif_error& error) {
    const FailedCheck failed = failed_check(error.check);
    // The PI of a copy is checked at its source.
    const uint64_t first =
        io->type == BDK_BDEV_IO_TYPE_COPY ? io->u.bdev.src_offset_blocks : io->u.bdev.offset_blocks;
    BDK_ERRLOG("bdev '%s': %s of block %llu: %s is 0x%llx, expected 0x%llx", bdk_bdev_get_name(io->bdev),
               bdk_bdev_io_type_name(io->type), static_cast<unsigned long long>(first + error.block),
               failed.name, static_cast<unsigned long long>(error.actual),
               static_cast<unsigned long long>(error.expected));
    return failed.sc;
}

}  // namespace bdk

namespace {

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

int bdk_bdev_io_dif_remap(bdk_bdev_io* io, uint64_t from, uint64_t to, bdk_dif_error* error) {
    if (!bdk::carries_ref_tags(io)) return 0;
    const bdk_bdev_io_block_params& range = io->u.bdev;
    bdk_dif_ctx ctx{};
    ctx.size = sizeof(ctx);
    bdk_dif_ctx_init(&ctx, io->bdev, from, range.dif_check_flags);
    const uint64_t blocks = range.num_blocks;
    int rc = bdk_dif_remap_ref_tag(&ctx, range.iovs, range.iovcnt, range.md_buf, blocks, to, error);
    if (rc == 0 && io->type == BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE)
        rc = bdk_dif_remap_ref_tag(&ctx, range.fused_iovs, range.fused_iovcnt, nullptr, blocks, to, error);
    return rc;
}

void bdk_bdev_io_complete_dif_error(bdk_bdev_io* io, const bdk_dif_error* error) {
    bdk::io_complete(bdk::BdevIo::of(io),
                     bdk::status_from_nvme(0, bdk::dif_error_sct, bdk::report_dif_error(io, *error)),
                     __builtin_return_address(0));
}

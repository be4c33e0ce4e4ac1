/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file dif.h
 * Protection information (PI) in the metadata of blocks: NVMe's, which is T10 DIF. Of each block it holds
 *   - the guard, a CRC of the block's data, and of the metadata before the PI where that is at their tail;
 *   - the application tag, the user's own;
 *   - the reference tag: of types 1 and 2 it grows by one with each block, and the bdev's is the low part of
 *     the block's number; of type 3 it says nothing and is not checked.
 * A block whose application tag is 0xFFFF (of type 3: and whose reference tag is all ones) is not checked.
 *
 * All functions here take the blocks' data in iovecs of any lengths, which hold num_blocks blocks or more.
 * Metadata are interleaved with the data, or separate in `md_buf`, md_size bytes per block; `md_buf` is not
 * looked at where they are interleaved. With dif_type 0 there is no PI: copies only add or drop metadata.
 */
#ifndef BDEVKIT_DIF_H
#define BDEVKIT_DIF_H

#include <bdevkit/abi.h>
#include <bdevkit/status.h>
#include <sys/uio.h>

BDK_C_BEGIN

struct bdk_bdev;
struct bdk_bdev_io;

/** Formats of PI, as struct bdk_bdev::dif_pi_format. */
enum {
    BDK_DIF_PI_FORMAT_16 = 0, /**< 8 bytes: CRC-16 T10-DIF, 16 bits of app tag, 32 of ref tag */
    BDK_DIF_PI_FORMAT_32 = 1, /**< 16 bytes: CRC-32C, 16 bits of app tag, 80 of ref tag */
    BDK_DIF_PI_FORMAT_64 = 2, /**< 16 bytes: CRC-64. No host of ABI 1.0 has it: refused everywhere */
};

/** Flags of a struct bdk_dif_ctx. */
enum {
    BDK_DIF_MD_INTERLEAVED = 1u << 0, /**< metadata follow each block's data */
    BDK_DIF_HEAD_OF_MD = 1u << 1,     /**< PI is at the head of the metadata, else at the tail */
};

/** What there is in blocks, and what it should be. Set `size`. */
struct bdk_dif_ctx {
    uint32_t size;
    uint32_t block_size;   /**< bytes per block, interleaved metadata included */
    uint32_t md_size;      /**< bytes of metadata per block */
    uint32_t flags;        /**< BDK_DIF_MD_INTERLEAVED, BDK_DIF_HEAD_OF_MD */
    uint32_t dif_type;     /**< 1 to 3; 0: no PI */
    uint32_t pi_format;    /**< BDK_DIF_PI_FORMAT_* */
    uint32_t check_flags;  /**< BDK_DIF_CHECK_*: what is verified; generating sets everything */
    uint16_t app_tag;      /**< to generate, or expected */
    uint16_t app_tag_mask; /**< bits of it that are verified */
    uint64_t ref_tag;      /**< of the first block; as many low bits as the format has */
    uint64_t guard_seed;   /**< a CRC to go on from; 0 for none */
};

/** The first thing found wrong. Set `size`; filled as far as that goes. */
struct bdk_dif_error {
    uint32_t size;
    uint32_t check;    /**< BDK_DIF_CHECK_GUARD, _APPTAG or _REFTAG: which one failed */
    uint64_t block;    /**< counted from the first of the call */
    uint64_t expected; /**< guard or tag */
    uint64_t actual;   /**< the value in the block */
};

/**
 * [any thread] Describes the blocks of a registered bdev from `offset_blocks` on. Tags are as the host and
 * its modules have them: the app tag is 0, the ref tag the block's number.
 * @param ctx          with `size` set; the fields that fit into it are filled
 * @param check_flags  BDK_DIF_CHECK_*: those of the bdev or fewer
 */
BDK_API void bdk_dif_ctx_init(struct bdk_dif_ctx* ctx, const struct bdk_bdev* bdev, uint64_t offset_blocks,
                              uint32_t check_flags);

/*
 * Each of these returns -EINVAL for a ctx that makes no sense (the log says why), too short iovecs, or a
 * missing md_buf; -E2BIG for fields of a ctx that the host does not know. `error` may be NULL. Nothing is
 * kept. With 0 blocks nothing is done.
 */

/** [any thread] Sets the PI of each block. @return 0; -EINVAL or -E2BIG as above */
BDK_API int bdk_dif_generate(const struct bdk_dif_ctx* ctx, const struct iovec* iovs, int32_t iovcnt,
                             void* md_buf, uint64_t num_blocks);

/** [any thread] Checks it. @return 0; -EILSEQ with *error filled; -EINVAL or -E2BIG as above */
BDK_API int bdk_dif_verify(const struct bdk_dif_ctx* ctx, const struct iovec* iovs, int32_t iovcnt,
                           const void* md_buf, uint64_t num_blocks, struct bdk_dif_error* error);

/**
 * [any thread] Insert: copies data without metadata into blocks with, and sets their PI; other metadata
 * become 0.
 * @param data_iovs  the source: num_blocks times the data of a block
 * @param iovs, md_buf  the destination, as ctx describes it; overlaps nothing
 * @return 0; -EINVAL or -E2BIG as above
 */
BDK_API int bdk_dif_generate_copy(const struct bdk_dif_ctx* ctx, const struct iovec* data_iovs,
                                  int32_t data_iovcnt, const struct iovec* iovs, int32_t iovcnt, void* md_buf,
                                  uint64_t num_blocks);

/**
 * [any thread] Strip: the reverse. Copies the data of blocks and checks their PI; what it found wrong has
 * been copied.
 * @param data_iovs  the destination: num_blocks times the data of a block; overlaps nothing
 * @return 0; -EILSEQ with *error filled; -EINVAL or -E2BIG as above
 */
BDK_API int bdk_dif_verify_copy(const struct bdk_dif_ctx* ctx, const struct iovec* data_iovs,
                                int32_t data_iovcnt, const struct iovec* iovs, int32_t iovcnt,
                                const void* md_buf, uint64_t num_blocks, struct bdk_dif_error* error);

/**
 * [any thread] Changes the reference tags of types 1 and 2 from ctx->ref_tag on into those from `ref_tag` on;
 * with type 3 there is nothing to do. A module that moves I/O to other blocks does this to a write before it
 * goes down, and to a read that has come back. Blocks that are not to be checked stay as they are.
 * @return 0; -EILSEQ with *error filled when BDK_DIF_CHECK_REFTAG is set and a tag was not as expected:
 * nothing is changed then; -EINVAL or -E2BIG as above
 */
BDK_API int bdk_dif_remap_ref_tag(const struct bdk_dif_ctx* ctx, const struct iovec* iovs, int32_t iovcnt,
                                  void* md_buf, uint64_t num_blocks, uint64_t ref_tag,
                                  struct bdk_dif_error* error);

/** What bdk_dif_inject_error() damages. */
enum {
    BDK_DIF_INJECT_REFTAG = 1u << 0,
    BDK_DIF_INJECT_APPTAG = 1u << 1,
    BDK_DIF_INJECT_GUARD = 1u << 2,
    BDK_DIF_INJECT_DATA = 1u << 3,
};

/**
 * [any thread] For tests: changes one bit in each named part of one block. A second time undoes it.
 * @param block  counted from the first; below num_blocks
 * @param what   BDK_DIF_INJECT_*
 * @return 0; -EINVAL as above, for another block, without PI, or for unknown bits (logged); -E2BIG as above
 */
BDK_API int bdk_dif_inject_error(const struct bdk_dif_ctx* ctx, const struct iovec* iovs, int32_t iovcnt,
                                 void* md_buf, uint64_t num_blocks, uint64_t block, uint32_t what);

/* ---- for modules, with an I/O in hand ---- */

/** [any thread] Sets the PI in the buffers of a read that the module has. @return as bdk_dif_generate() */
BDK_API int bdk_bdev_io_dif_generate(struct bdk_bdev_io* io);
/** [any thread] Checks the PI in the buffers of a read or write, as the I/O's dif_check_flags say. @return as
 * bdk_dif_verify() */
BDK_API int bdk_bdev_io_dif_verify(const struct bdk_bdev_io* io, struct bdk_dif_error* error);
/**
 * [any thread] Changes the reference tags in the buffers of the I/O from those of the blocks from `from` on
 * to those from `to` on, for a module that sends I/O of its own to other blocks of a base.
 * bdk_bdev_io_forward_ext() with an offset_delta does so by itself. Nothing is done without PI of type 1 or 2
 * in the buffers, or where reference tags are not checked.
 * @return as bdk_dif_remap_ref_tag()
 */
BDK_API int bdk_bdev_io_dif_remap(struct bdk_bdev_io* io, uint64_t from, uint64_t to,
                                  struct bdk_dif_error* error);
/** [the submitter's thread] Completes the I/O with NVMe's media error for the check that failed (0x82 guard,
 * 0x83 app tag, 0x84 ref tag), and logs block, expected and actual value. */
BDK_API void bdk_bdev_io_complete_dif_error(struct bdk_bdev_io* io, const struct bdk_dif_error* error);

BDK_C_END

#endif

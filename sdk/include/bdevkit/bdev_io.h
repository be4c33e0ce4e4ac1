/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file bdev_io.h
 * One I/O in flight: what a module sees in submit_request, and how it completes. The public part is frozen.
 */
#ifndef BDEVKIT_BDEV_IO_H
#define BDEVKIT_BDEV_IO_H

#include <bdevkit/abi.h>
#include <bdevkit/io_channel.h>
#include <bdevkit/status.h>
#include <sys/uio.h>

BDK_C_BEGIN

struct bdk_bdev;
struct bdk_bdev_desc;
struct bdk_bdev_io;
struct bdk_bdev_zone_info;

/** Types of I/O, with SPDK's numbers. 21 and 22 are reserved for SPDK's NVME_NSSR and WRITE_UNCORRECTABLE, 23
 * to 39 for what SPDK adds; later types of bdevkit's own begin at 40. A module
 * refuses types that it does not know. */
enum {
    BDK_BDEV_IO_TYPE_INVALID = 0,
    BDK_BDEV_IO_TYPE_READ = 1,
    BDK_BDEV_IO_TYPE_WRITE = 2,
    BDK_BDEV_IO_TYPE_UNMAP = 3,
    BDK_BDEV_IO_TYPE_FLUSH = 4,
    BDK_BDEV_IO_TYPE_RESET = 5,
    BDK_BDEV_IO_TYPE_NVME_ADMIN = 6,
    BDK_BDEV_IO_TYPE_NVME_IO = 7,
    BDK_BDEV_IO_TYPE_NVME_IO_MD = 8,
    BDK_BDEV_IO_TYPE_WRITE_ZEROES = 9,
    BDK_BDEV_IO_TYPE_ZCOPY = 10,
    BDK_BDEV_IO_TYPE_GET_ZONE_INFO = 11,
    BDK_BDEV_IO_TYPE_ZONE_MANAGEMENT = 12,
    BDK_BDEV_IO_TYPE_ZONE_APPEND = 13,
    BDK_BDEV_IO_TYPE_COMPARE = 14,
    BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE = 15,
    BDK_BDEV_IO_TYPE_ABORT = 16,
    BDK_BDEV_IO_TYPE_SEEK_HOLE = 17,
    BDK_BDEV_IO_TYPE_SEEK_DATA = 18,
    BDK_BDEV_IO_TYPE_COPY = 19,
    BDK_BDEV_IO_TYPE_NVME_IOV_MD = 20,
};

/** The bit of a type in `struct bdk_bdev::io_type_supported`. Types are below 64. */
#define BDK_BDEV_IO_TYPE_BIT(type) (UINT64_C(1) << (type))

/** [any thread] "read", "write_zeroes", ...; "unknown" for anything else. Never freed. */
BDK_API const char* bdk_bdev_io_type_name(uint32_t type);
/** [any thread] The type of that name, or BDK_BDEV_IO_TYPE_INVALID. */
BDK_API uint32_t bdk_bdev_io_type_from_name(const char* name);

/** Flags of one I/O: `u.bdev.flags`. */
enum {
    BDK_BDEV_IO_FUA = 1u << 0,            /**< what changes data: on stable storage before it completes */
    BDK_BDEV_IO_ZCOPY_POPULATE = 1u << 1, /**< zcopy start: the buffer holds the blocks' data */
    BDK_BDEV_IO_ZCOPY_COMMIT = 1u << 2,   /**< zcopy end: write the buffer to the blocks */
    BDK_BDEV_IO_ZCOPY_START = 1u << 3,    /**< zcopy: start (else end) */
    BDK_BDEV_IO_NO_UNMAP = 1u << 4,       /**< write zeroes: keep the blocks allocated */
};

/** I/O on a range of blocks. Lengths and offsets are in blocks of the bdev. */
struct bdk_bdev_io_block_params {
    struct iovec* iovs;     /**< the data; a read may have none: see bdk_bdev_io_get_buf() */
    int32_t iovcnt;         /**< iovecs in `iovs` */
    uint32_t flags;         /**< BDK_BDEV_IO_FUA and so on */
    uint64_t offset_blocks; /**< first block; of a copy: where to; of an append: the zone, then the result */
    uint64_t num_blocks;    /**< blocks; 1 of a seek */
    void* md_buf;           /**< separate metadata, md_len bytes per block; NULL for none */

    struct iovec* fused_iovs;   /**< compare-and-write: the data to write */
    int32_t fused_iovcnt;       /**< iovecs in `fused_iovs` */
    uint32_t dif_check_flags;   /**< the BDK_DIF_CHECK_* in force */
    uint64_t src_offset_blocks; /**< copy: where from */
    uint64_t seek_offset;       /**< seek data and hole: the result, in blocks */
    /** Kept for a memory domain, its context and an accel sequence. Not cleared at submission: a field here
     * will have a meaning only where a flag in `flags` says so. */
    uint64_t reserved[3];
};

/** A reset. It has no parameters. */
struct bdk_bdev_io_reset_params {
    uint64_t reserved[2];
};

/** An abort. */
struct bdk_bdev_io_abort_params {
    struct bdk_bdev_io* bio_to_abort; /**< an I/O that the module has: it ends it, as aborted if it can */
};

/** A raw NVMe command. */
struct bdk_bdev_io_nvme_passthru_params {
    uint8_t
        cmd[64]; /**< the submission queue entry; command id, namespace and PRPs are the module's to fill */
    void* buf;   /**< data; NULL with iovs or without data */
    struct iovec* iovs; /**< data of NVME_IOV_MD */
    uint64_t nbytes;    /**< bytes of data */
    void* md_buf;       /**< separate metadata; NULL for none */
    uint32_t md_nbytes; /**< bytes of metadata, of all blocks together */
    int32_t iovcnt;     /**< iovecs in `iovs` */
};

/** Zone management and zone information. */
struct bdk_bdev_io_zone_mgmt_params {
    uint64_t zone_id;     /**< first block of the zone */
    uint32_t num_zones;   /**< get zone info: zones that are asked about; zone management: 1 */
    uint32_t zone_action; /**< zone management: BDK_BDEV_ZONE_* */
    void* buf;            /**< get zone info: for bdk_bdev_io_set_zone_info(), num_zones * info_size bytes */
    uint32_t info_size;   /**< get zone info: bytes from one element to the next */
    uint32_t num_filled;  /**< get zone info: bdk_bdev_io_get_num_zones() */
};

/**
 * The public part of an I/O. A module reads it, and writes only
 *   - what `driver_ctx` points to;
 *   - the data of a read: the bytes that its iovecs and `md_buf` point to, until the I/O is completed;
 *   - results, through functions: bdk_bdev_io_set_buf(), bdk_bdev_io_set_seek_offset(),
 *     bdk_bdev_io_set_append_location(), bdk_bdev_io_set_zone_info(), and the status with the I/O's
 * completion. It never writes a field of the struct, nor an iovec. An I/O that it forwards or has completed
 * it does not touch at all.
 */
struct bdk_bdev_io {
    uint32_t type;         /**< BDK_BDEV_IO_TYPE_* */
    uint32_t reserved;     /**< not cleared at submission, and without a meaning */
    struct bdk_bdev* bdev; /**< whose submit_request it is in */
    void* driver_ctx; /**< the module's per-I/O context, get_ctx_size() bytes, aligned to 16, not cleared */
    union {
        struct bdk_bdev_io_block_params bdev;                  /**< all types but those below */
        struct bdk_bdev_io_reset_params reset;                 /**< RESET */
        struct bdk_bdev_io_abort_params abort;                 /**< ABORT */
        struct bdk_bdev_io_nvme_passthru_params nvme_passthru; /**< NVME_* */
        struct bdk_bdev_io_zone_mgmt_params zone_mgmt;         /**< GET_ZONE_INFO, ZONE_MANAGEMENT */
        uint64_t bytes[13];                                    /**< the union's size, frozen */
    } u;                                                       /**< the parameters, by type */
};

/* ---- completing, for modules ---- */

/**
 * [the submitter's thread] Completes the I/O, exactly once. May be called inside submit_request. Elsewhere it
 * is a reported violation of rule 3, and the completion is taken to the right thread.
 * A second completion is reported, and does nothing while the I/O is not in use again.
 * @param status  BDK_BDEV_IO_STATUS_*. With NOMEM the core submits the I/O again when another one on the
 * channel has completed, or after 100 us when there is none. PENDING, and NVME_ERROR, SCSI_ERROR and
 * AIO_ERROR, whose detail is missing here, become FAILED
 */
BDK_API void bdk_bdev_io_complete(struct bdk_bdev_io* io, int32_t status);
/**
 * [the submitter's thread] As bdk_bdev_io_complete(), with an NVMe status.
 * @param cdw0  the first word of the completion; passed on with a success too
 * @param sct   status code type, 0 to 7
 * @param sc    status code, 0 to 255. sct 0 and sc 0 are success; sct 2 and sc 0x85, compare failure, become
 *              BDK_BDEV_IO_STATUS_MISCOMPARE
 */
BDK_API void bdk_bdev_io_complete_nvme_status(struct bdk_bdev_io* io, uint32_t cdw0, uint32_t sct,
                                              uint32_t sc);
/**
 * [the submitter's thread] As bdk_bdev_io_complete(), with a SCSI status and sense. Of the sense,
 * bits beyond the lowest eight are dropped.
 * @param sc         status code; 0 is success, whatever the sense; a number above 255 becomes 2 (check
 * condition)
 * @param sk         sense key, 0 to 15
 * @param asc, ascq  additional sense code and its qualifier
 */
BDK_API void bdk_bdev_io_complete_scsi_status(struct bdk_bdev_io* io, uint32_t sc, uint32_t sk, uint32_t asc,
                                              uint32_t ascq);
/** [the submitter's thread] As bdk_bdev_io_complete(), with 0 or a negative errno; -ENOMEM is
 * BDK_BDEV_IO_STATUS_NOMEM. A positive number becomes -EIO. */
BDK_API void bdk_bdev_io_complete_aio_status(struct bdk_bdev_io* io, int32_t aio_errno);
/** [the submitter's thread] As bdk_bdev_io_complete(), with the status of `base_io`, in whatever form it has.
 * `base_io`: completed, and not freed yet. */
BDK_API void bdk_bdev_io_complete_base_io_status(struct bdk_bdev_io* io, const struct bdk_bdev_io* base_io);

/**
 * [any thread] Completes the I/O from a thread of a library, or from any other. A message takes the
 * completion to the submitter's thread; that cannot fail. On that thread it is
 * bdk_bdev_io_complete_aio_status(). The I/O is completed with this call: a second one is not always found
 * out, and may then end another I/O.
 * @param aio_errno  0 or a negative errno
 */
BDK_API void bdk_bdev_io_complete_remote(struct bdk_bdev_io* io, int32_t aio_errno);

/**
 * [the submitter's thread] Sends `io` to the base as it is and completes it with the base's status. The
 * module neither sees nor touches `io` again. Waits for memory where needed; every error completes `io`, with
 * NVMe's "invalid opcode" for a type that the base lacks, else with the errno that desc.h's functions have
 * for it. Nearly free: no second bdev_io.
 * @param base_desc, base_ch  an open desc of the base, and its channel on this thread
 */
BDK_API void bdk_bdev_io_forward(struct bdk_bdev_io* io, struct bdk_bdev_desc* base_desc,
                                 struct bdk_io_channel* base_ch);

/** How bdk_bdev_io_forward_ext() changes the I/O. Set `size`. */
struct bdk_bdev_io_forward_opts {
    uint32_t size;
    uint32_t reserved;
    /**
     * Blocks added to offset_blocks (and to a copy's source); zone ids too. Where the buffers hold protection
     * information of type 1 or 2 that is checked, its reference tags are changed to fit, also in what is
     * written: from the forward until the base has completed the buffers are not the client's.
     */
    int64_t offset_delta;
    /**
     * [the submitter's thread] If given: called when the base has completed, with `io` as it was before the
     * forward and the base's status set; the module then completes `io`, now or later.
     */
    void (*done)(struct bdk_bdev_io* io, bool success);
};

/** [the submitter's thread] As bdk_bdev_io_forward(), with changes. `opts`: read before the call returns;
 * NULL for none; what the host does not know completes `io` with -EINVAL or -E2BIG. */
BDK_API void bdk_bdev_io_forward_ext(struct bdk_bdev_io* io, struct bdk_bdev_desc* base_desc,
                                     struct bdk_io_channel* base_ch,
                                     const struct bdk_bdev_io_forward_opts* opts);

/** [the submitter's thread] `ch`: the module's channel. `success`: `io` has a buffer; if not, complete it
 * with an error. */
typedef void (*bdk_bdev_io_get_buf_cb)(struct bdk_io_channel* ch, struct bdk_bdev_io* io, bool success);

/**
 * [the submitter's thread] Gives a read that came without buffer (`iovs[0].iov_base` NULL or iovcnt 0) one of
 * `len` bytes, not zeroed. It goes back by itself once the I/O is freed. For a read that has a buffer cb runs
 * inside the call. Once for each I/O, while the module has it.
 * @param cb   runs in this call or later
 * @param len  bytes: all the I/O's blocks, which is not checked
 */
BDK_API void bdk_bdev_io_get_buf(struct bdk_bdev_io* io, bdk_bdev_io_get_buf_cb cb, uint64_t len);

/**
 * [the submitter's thread] zcopy start: sets the module's own memory as the I/O's data, before completing it.
 * The last call counts. The core never frees it. It stays valid, and the blocks' own, until the module gets
 * the zcopy end of this I/O: users read it and write to it until then.
 * @param len  bytes: all the I/O's blocks, which is not checked
 */
BDK_API void bdk_bdev_io_set_buf(struct bdk_bdev_io* io, void* buf, uint64_t len);

/** [any thread] The I/O whose driver_ctx is `ctx`, while the module has it; not checked. */
BDK_API struct bdk_bdev_io* bdk_bdev_io_from_ctx(void* ctx);

/* ---- looking at an I/O ---- */

/* What has come of a completed I/O may be asked from its completion callback on, until bdk_bdev_free_io(), by
 * whoever has it in hand. */

/** [any thread] The thread that submitted it. A module that completes I/O on a pthread of its own sends
 * itself a message there. From submit_request until the module has completed or forwarded the I/O. */
BDK_API struct bdk_thread* bdk_bdev_io_get_thread(const struct bdk_bdev_io* io);
/** [the submitter's thread] The channel of the bdev it is at: the submitter's, not the module's. */
BDK_API struct bdk_io_channel* bdk_bdev_io_get_io_channel(const struct bdk_bdev_io* io);
/** [any thread] When it was submitted, in ticks. One reading may serve a batch. */
BDK_API uint64_t bdk_bdev_io_get_submit_ticks(const struct bdk_bdev_io* io);
/** [any thread] BDK_BDEV_IO_STATUS_*, of a completed I/O. */
BDK_API int32_t bdk_bdev_io_get_status(const struct bdk_bdev_io* io);
/** [any thread] The status as NVMe's: first word of the completion, status code type, status code. Other
 * forms are translated: those without an equal become "internal error". Each pointer may be NULL. */
BDK_API void bdk_bdev_io_get_nvme_status(const struct bdk_bdev_io* io, uint32_t* cdw0, uint32_t* sct,
                                         uint32_t* sc);
/** [any thread] The status as SCSI's: status code, sense key, additional sense code, its qualifier. Other
 * forms are translated: those without an equal become "aborted command". Each pointer may be NULL. */
BDK_API void bdk_bdev_io_get_scsi_status(const struct bdk_bdev_io* io, uint32_t* sc, uint32_t* sk,
                                         uint32_t* asc, uint32_t* ascq);
/** [any thread] The status as an errno; other forms are translated. @return 0; -ENOMEM; -ECANCELED: aborted;
 * -EILSEQ: miscompare; the module's own errno; -EIO for everything else */
BDK_API int32_t bdk_bdev_io_get_aio_status(const struct bdk_bdev_io* io);
/** [any thread] Offset found by seek data or hole, in blocks of the bdev; UINT64_MAX when there is none.
 * Without a meaning for other types. */
BDK_API uint64_t bdk_bdev_io_get_seek_offset(const struct bdk_bdev_io* io);
/** [any thread] The first block that a zone append wrote. Without a meaning for other types, or on failure.
 */
BDK_API uint64_t bdk_bdev_io_get_append_location(const struct bdk_bdev_io* io);
/** [any thread] How many elements a bdk_bdev_get_zone_info() that succeeded has filled, from the first on; 0
 * for other types. */
BDK_API uint32_t bdk_bdev_io_get_num_zones(const struct bdk_bdev_io* io);
/** [any thread] The data, as filled by a read or lent by a zcopy start: valid until bdk_bdev_free_io() or
 * bdk_bdev_zcopy_end(). Only of types that have blocks. Either pointer may be NULL. */
BDK_API void bdk_bdev_io_get_iovec(const struct bdk_bdev_io* io, struct iovec** iovs, int32_t* iovcnt);

/* ---- results, for modules: set before completing ---- */

/** [the submitter's thread] The result of seek data or hole, in blocks of the bdev that the I/O is at;
 * UINT64_MAX when there is none. Only of these types, which is not checked. */
BDK_API void bdk_bdev_io_set_seek_offset(struct bdk_bdev_io* io, uint64_t offset_blocks);
/** [the submitter's thread] The first block that a zone append wrote, a block of the bdev that the I/O is at.
 * Of another type: logged, and nothing is done. */
BDK_API void bdk_bdev_io_set_append_location(struct bdk_bdev_io* io, uint64_t offset_blocks);
/**
 * [any thread] One element of the result of a get zone info; one call at a time for an I/O. The caller of
 * bdk_bdev_get_zone_info() may know more or fewer fields than the module: each gets those that both know, and
 * zero in the others.
 * @param index      of the element, from 0: below u.zone_mgmt.num_zones, else (logged) nothing is done. Leave
 * no gaps: all elements up to the highest index count as filled
 * @param info       copied; in blocks of the bdev that the I/O is at
 * @param info_size  sizeof(struct bdk_bdev_zone_info)
 */
BDK_API void bdk_bdev_io_set_zone_info(struct bdk_bdev_io* io, uint32_t index,
                                       const struct bdk_bdev_zone_info* info, uint32_t info_size);

BDK_C_END

#endif

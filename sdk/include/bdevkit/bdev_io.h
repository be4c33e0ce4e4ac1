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

/** Types of I/O, with SPDK's numbers. */
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
    BDK_BDEV_IO_NUM_TYPES = 21 /**< of ABI 1.0; a module ignores types it does not know */
};

/** The bit of a type in `struct bdk_bdev::io_type_supported`. */
#define BDK_BDEV_IO_TYPE_BIT(type) (UINT64_C(1) << (type))

/** [any thread] "read", "write_zeroes", ...; "unknown" for anything else. */
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
    struct iovec* iovs; /**< the data; a read may have none: see bdk_bdev_io_get_buf() */
    int32_t iovcnt;
    uint32_t flags; /**< BDK_BDEV_IO_FUA and so on */
    uint64_t offset_blocks;
    uint64_t num_blocks;
    void* md_buf; /**< separate metadata, md_len bytes per block; NULL for none */

    struct iovec* fused_iovs; /**< compare-and-write: the data to write */
    int32_t fused_iovcnt;
    uint32_t dif_check_flags;   /**< the BDK_DIF_CHECK_* in force */
    uint64_t src_offset_blocks; /**< copy: where from */
    uint64_t seek_offset;       /**< seek data and hole: the result, in blocks */
    uint64_t reserved[3];
};

struct bdk_bdev_io_reset_params {
    uint64_t reserved[2];
};

struct bdk_bdev_io_abort_params {
    struct bdk_bdev_io* bio_to_abort;
};

/** A raw NVMe command. */
struct bdk_bdev_io_nvme_passthru_params {
    uint8_t
        cmd[64]; /**< the submission queue entry; command id, namespace and PRPs are the module's to fill */
    void* buf;   /**< data; NULL with iovs or without data */
    struct iovec* iovs; /**< data of NVME_IOV_MD */
    uint64_t nbytes;
    void* md_buf;
    uint32_t md_len; /**< bytes */
    int32_t iovcnt;
};

/** Zone management and zone information. */
struct bdk_bdev_io_zone_mgmt_params {
    uint64_t zone_id; /**< first block of the zone */
    uint32_t num_zones;
    uint32_t zone_action;           /**< BDK_BDEV_ZONE_* */
    struct bdk_bdev_zone_info* buf; /**< get zone info: num_zones elements to fill */
};

/** The public part of an I/O. Read-only for modules but for what `driver_ctx` points to. */
struct bdk_bdev_io {
    uint32_t type; /**< BDK_BDEV_IO_TYPE_* */
    uint32_t reserved;
    struct bdk_bdev* bdev; /**< whose submit_request it is in */
    void* driver_ctx; /**< the module's per-I/O context, get_ctx_size() bytes, aligned to 16, not cleared */
    union {
        struct bdk_bdev_io_block_params bdev;
        struct bdk_bdev_io_reset_params reset;
        struct bdk_bdev_io_abort_params abort;
        struct bdk_bdev_io_nvme_passthru_params nvme_passthru;
        struct bdk_bdev_io_zone_mgmt_params zone_mgmt;
        uint64_t bytes[13]; /**< the union's size, frozen */
    } u;
};

/* ---- completing, for modules ---- */

/**
 * [the submitter's thread] Completes the I/O, exactly once. May be called inside submit_request. Elsewhere it
 * is a reported violation of rule 3, and the completion is taken to the right thread.
 * @param status  BDK_BDEV_IO_STATUS_*; with NOMEM the core submits the I/O again when another one on the
 * channel has completed
 */
BDK_API void bdk_bdev_io_complete(struct bdk_bdev_io* io, int32_t status);
/** As bdk_bdev_io_complete(), with an NVMe status; sct and sc 0 are success. */
BDK_API void bdk_bdev_io_complete_nvme_status(struct bdk_bdev_io* io, uint32_t cdw0, uint32_t sct,
                                              uint32_t sc);
/** As bdk_bdev_io_complete(), with a SCSI status and sense; sc 0 is success. */
BDK_API void bdk_bdev_io_complete_scsi_status(struct bdk_bdev_io* io, uint32_t sc, uint32_t sk, uint32_t asc,
                                              uint32_t ascq);
/** As bdk_bdev_io_complete(), with 0 or a negative errno; -ENOMEM is BDK_BDEV_IO_STATUS_NOMEM. */
BDK_API void bdk_bdev_io_complete_aio_status(struct bdk_bdev_io* io, int32_t aio_errno);
/** As bdk_bdev_io_complete(), with the status of `base_io`, in whatever form it has. */
BDK_API void bdk_bdev_io_complete_base_io_status(struct bdk_bdev_io* io, const struct bdk_bdev_io* base_io);

/**
 * [the submitter's thread] Sends `io` to the base as it is and completes it with the base's status. The
 * module neither sees nor touches `io` again. Waits for memory where needed; every error completes `io`.
 * Nearly free: no second bdev_io.
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

/** As bdk_bdev_io_forward(), with changes. `opts` is read before the call returns. */
BDK_API void bdk_bdev_io_forward_ext(struct bdk_bdev_io* io, struct bdk_bdev_desc* base_desc,
                                     struct bdk_io_channel* base_ch,
                                     const struct bdk_bdev_io_forward_opts* opts);

/** `success` false: no buffer could be had; complete the I/O with an error. */
typedef void (*bdk_bdev_io_get_buf_cb)(struct bdk_io_channel* ch, struct bdk_bdev_io* io, bool success);

/**
 * [the submitter's thread] Gives a read that came without buffer (`iovs[0].iov_base` NULL or iovcnt 0) one of
 * `len` bytes. It goes back by itself once the I/O is freed. A read that has a buffer calls back at once.
 * @param cb  runs in this call or later, with the module's channel
 */
BDK_API void bdk_bdev_io_get_buf(struct bdk_bdev_io* io, bdk_bdev_io_get_buf_cb cb, uint64_t len);

/** [the submitter's thread] zcopy start: sets the module's own memory as the I/O's data. */
BDK_API void bdk_bdev_io_set_buf(struct bdk_bdev_io* io, void* buf, uint64_t len);

/** [any thread] The I/O whose driver_ctx is `ctx`. */
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
BDK_API uint64_t bdk_bdev_io_get_submit_tsc(const struct bdk_bdev_io* io);
/** [any thread] BDK_BDEV_IO_STATUS_*. */
BDK_API int32_t bdk_bdev_io_get_status(const struct bdk_bdev_io* io);
/** [any thread] The status as NVMe's; other forms are translated. Each pointer may be NULL.
 */
BDK_API void bdk_bdev_io_get_nvme_status(const struct bdk_bdev_io* io, uint32_t* cdw0, uint32_t* sct,
                                         uint32_t* sc);
/** [any thread] The status as SCSI's; other forms are translated. Each pointer may be NULL.
 */
BDK_API void bdk_bdev_io_get_scsi_status(const struct bdk_bdev_io* io, uint32_t* sc, uint32_t* sk,
                                         uint32_t* asc, uint32_t* ascq);
/** [any thread] The status as 0 or a negative errno; other forms are translated. */
BDK_API int32_t bdk_bdev_io_get_aio_status(const struct bdk_bdev_io* io);
/** [any thread] Offset found by seek data or hole, in blocks; UINT64_MAX when there is none.
 */
BDK_API uint64_t bdk_bdev_io_get_seek_offset(const struct bdk_bdev_io* io);
/** [any thread] The first block that a zone append wrote. */
BDK_API uint64_t bdk_bdev_io_get_append_location(const struct bdk_bdev_io* io);
/** [any thread] The data, as filled by a read or lent by a zcopy start. Either may be NULL.
 */
BDK_API void bdk_bdev_io_get_iovec(const struct bdk_bdev_io* io, struct iovec** iovs, int32_t* iovcnt);

/** [for modules, the submitter's thread] The result of seek data or hole, set before completing. */
BDK_API void bdk_bdev_io_set_seek_offset(struct bdk_bdev_io* io, uint64_t offset_blocks);

BDK_C_END

#endif

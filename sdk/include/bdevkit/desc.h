/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file desc.h
 * Opening a bdev and doing I/O. A desc belongs to the thread that opened it; a channel of it, to the thread
 * that got the channel. Every I/O function here:
 *   - is called on the channel's thread, with a desc and a channel of it;
 *   - returns 0 when the I/O was submitted: then cb runs once, on this thread, never before the call has
 * returned, and must lead to one bdk_bdev_free_io();
 *   - else returns -EINVAL (range, alignment, lengths that do not fit), -EBADF (desc read-only),
 *     -ENOTSUP (type not supported), -ENODEV (desc closed), -ENOMEM (no bdev_io: bdk_bdev_queue_io_wait());
 *     then cb does not run.
 * Buffers and iovecs stay the caller's and untouched until cb.
 */
#ifndef BDEVKIT_DESC_H
#define BDEVKIT_DESC_H

#include <bdevkit/abi.h>
#include <bdevkit/bdev.h>
#include <bdevkit/bdev_io.h>
#include <bdevkit/event.h>
#include <bdevkit/io_channel.h>

BDK_C_BEGIN

struct bdk_bdev_desc;

/**
 * [bdk thread] Opens the bdev `name`.
 * @param write      whether writes are allowed; never changes (but see bdk_bdev_module_claim_bdev())
 * @param event_cb   required; runs on the calling thread
 * @param desc       result; the caller's until bdk_bdev_close()
 * @return 0; -ENODEV when there is none, or it is being removed; -EPERM to write under a claim (the log names
 * the holder); -EINVAL without event_cb or outside a bdk thread; -ENOMEM.
 */
BDK_API int bdk_bdev_open_ext(const char* name, bool write, bdk_bdev_event_cb event_cb, void* event_ctx,
                              struct bdk_bdev_desc** desc);

/** Options of a desc. Set `size`. */
struct bdk_bdev_open_opts {
    uint32_t size;
    uint32_t flags; /**< BDK_BDEV_OPEN_* */
};

/** Flags of a desc. */
enum {
    /**
     * The desc has blocks of data alone: where the bdev has interleaved metadata or protection information,
     * the host inserts them into what is written, and checks and strips them from what is read or compared.
     * An md_buf is refused with -EINVAL; zcopy and zone append with -ENOTSUP; NVMe commands pass as they are.
     */
    BDK_BDEV_OPEN_HIDE_METADATA = 1u << 0,
};

/** [bdk thread] As bdk_bdev_open_ext(). @param opts  may be NULL; read before the call returns */
BDK_API int bdk_bdev_open_ext_v2(const char* name, bool write, bdk_bdev_event_cb event_cb, void* event_ctx,
                                 const struct bdk_bdev_open_opts* opts, struct bdk_bdev_desc** desc);

/** `desc` is NULL when rc is not 0. Runs on the thread that asked. */
typedef void (*bdk_bdev_open_async_cb)(struct bdk_bdev_desc* desc, int rc, void* ctx);
/**
 * [bdk thread] As bdk_bdev_open_ext(), waiting up to `timeout_ms` for a bdev that is not there yet; then
 * -ETIMEDOUT.
 * @return 0 when cb will run.
 */
BDK_API int bdk_bdev_open_async(const char* name, bool write, bdk_bdev_event_cb event_cb, void* event_ctx,
                                uint64_t timeout_ms, bdk_bdev_open_async_cb cb, void* ctx);

/** [bdk thread] As bdk_bdev_open_async(). @param opts  may be NULL; read before the call returns */
BDK_API int bdk_bdev_open_async_v2(const char* name, bool write, bdk_bdev_event_cb event_cb, void* event_ctx,
                                   const struct bdk_bdev_open_opts* opts, uint64_t timeout_ms,
                                   bdk_bdev_open_async_cb cb, void* ctx);

/**
 * [desc's thread] Closes the desc. Its channels take no new I/O: that of this thread from now on, those of
 * other threads as soon as a message has reached them. What waits in the core ends as aborted; other I/O in
 * flight is waited for, without blocking. The channels' memory lives until they are put.
 */
BDK_API void bdk_bdev_close(struct bdk_bdev_desc* desc);

/**
 * [desc's thread] Takes the oldest media events that the desc has not read, after
 * BDK_BDEV_EVENT_MEDIA_MANAGEMENT.
 * @param max  room in `events`
 * @return how many were taken
 */
BDK_API uint32_t bdk_bdev_get_media_events(struct bdk_bdev_desc* desc, struct bdk_bdev_media_event* events,
                                           uint32_t max);

/** [any thread] */
BDK_API struct bdk_bdev* bdk_bdev_desc_get_bdev(const struct bdk_bdev_desc* desc);
/** [any thread] */
BDK_API bool bdk_bdev_desc_is_writable(const struct bdk_bdev_desc* desc);

/* The bdev as this desc has it: where metadata are hidden, without. Each of these: [any thread]. */
/** Bytes per block; with interleaved metadata, those included. */
BDK_API uint32_t bdk_bdev_desc_get_block_size(const struct bdk_bdev_desc* desc);
/** Bytes of metadata per block; 0 for none. */
BDK_API uint32_t bdk_bdev_desc_get_md_size(const struct bdk_bdev_desc* desc);
BDK_API bool bdk_bdev_desc_is_md_interleaved(const struct bdk_bdev_desc* desc);
/** Protection information: 0 none, 1 to 3. */
BDK_API uint32_t bdk_bdev_desc_get_dif_type(const struct bdk_bdev_desc* desc);

/** [bdk thread] The calling thread's channel of the desc; give it back with bdk_put_io_channel(). NULL on
 * failure. */
BDK_API struct bdk_io_channel* bdk_bdev_get_io_channel(struct bdk_bdev_desc* desc);
/** [channel's thread] The module's channel under `ch`, as submit_request gets it; the core keeps its
 * reference. */
BDK_API struct bdk_io_channel* bdk_bdev_io_channel_get_module_channel(struct bdk_io_channel* ch);

/** Runs on the submitter's thread. `success`: the status is BDK_BDEV_IO_STATUS_SUCCESS. */
typedef void (*bdk_bdev_io_completion_cb)(struct bdk_bdev_io* io, bool success, void* cb_arg);

/** [the submitter's thread] Gives a completed I/O back. */
BDK_API void bdk_bdev_free_io(struct bdk_bdev_io* io);

/** Options of one I/O. Set `size`. */
struct bdk_bdev_io_opts {
    uint32_t size;
    uint32_t flags;                   /**< BDK_BDEV_IO_FUA, BDK_BDEV_IO_NO_UNMAP */
    void* md_buf;                     /**< separate metadata; NULL for none */
    uint32_t dif_check_flags_exclude; /**< checks to leave out */
    uint32_t reserved;
};

/** A place in the queue for memory; the caller's, untouched until cb. */
struct bdk_bdev_io_wait_entry {
    struct bdk_bdev* bdev;
    void (*cb)(void* cb_arg);
    void* cb_arg;
    uint64_t opaque[2];
};
/** [channel's thread] After -ENOMEM: cb runs once, on this thread, when a bdev_io is free. @return 0; -EINVAL
 * when one is. */
BDK_API int bdk_bdev_queue_io_wait(struct bdk_bdev* bdev, struct bdk_io_channel* ch,
                                   struct bdk_bdev_io_wait_entry* entry);

/* Offsets and lengths in bytes, which must be multiples of the block size. */
BDK_API int bdk_bdev_read(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, void* buf, uint64_t offset,
                          uint64_t nbytes, bdk_bdev_io_completion_cb cb, void* cb_arg);
BDK_API int bdk_bdev_write(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, void* buf, uint64_t offset,
                           uint64_t nbytes, bdk_bdev_io_completion_cb cb, void* cb_arg);
BDK_API int bdk_bdev_flush(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, uint64_t offset,
                           uint64_t nbytes, bdk_bdev_io_completion_cb cb, void* cb_arg);
BDK_API int bdk_bdev_unmap(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, uint64_t offset,
                           uint64_t nbytes, bdk_bdev_io_completion_cb cb, void* cb_arg);
BDK_API int bdk_bdev_write_zeroes(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, uint64_t offset,
                                  uint64_t nbytes, bdk_bdev_io_completion_cb cb, void* cb_arg);

/* Offsets and lengths in blocks from here on. A read with buf NULL, or iovs with iov_base NULL, gets a buffer
 * of the host's, readable with bdk_bdev_io_get_iovec() until bdk_bdev_free_io(). */
BDK_API int bdk_bdev_read_blocks(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, void* buf,
                                 uint64_t offset_blocks, uint64_t num_blocks, bdk_bdev_io_completion_cb cb,
                                 void* cb_arg);
BDK_API int bdk_bdev_write_blocks(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, void* buf,
                                  uint64_t offset_blocks, uint64_t num_blocks, bdk_bdev_io_completion_cb cb,
                                  void* cb_arg);
/** `opts` may be NULL. */
BDK_API int bdk_bdev_readv_blocks(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, struct iovec* iovs,
                                  int32_t iovcnt, uint64_t offset_blocks, uint64_t num_blocks,
                                  const struct bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                                  void* cb_arg);
/** `opts` may be NULL. */
BDK_API int bdk_bdev_writev_blocks(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, struct iovec* iovs,
                                   int32_t iovcnt, uint64_t offset_blocks, uint64_t num_blocks,
                                   const struct bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                                   void* cb_arg);
/** Puts earlier completed writes of the range on stable storage. */
BDK_API int bdk_bdev_flush_blocks(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch,
                                  uint64_t offset_blocks, uint64_t num_blocks, bdk_bdev_io_completion_cb cb,
                                  void* cb_arg);
/** The blocks' content is undefined until they are written. */
BDK_API int bdk_bdev_unmap_blocks(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch,
                                  uint64_t offset_blocks, uint64_t num_blocks, bdk_bdev_io_completion_cb cb,
                                  void* cb_arg);
/** `opts` may be NULL. Emulated with writes where the module lacks it. */
BDK_API int bdk_bdev_write_zeroes_blocks(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch,
                                         uint64_t offset_blocks, uint64_t num_blocks,
                                         const struct bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                                         void* cb_arg);
/** Fails with BDK_BDEV_IO_STATUS_MISCOMPARE when the blocks differ from the buffers. `opts` may be NULL. */
BDK_API int bdk_bdev_comparev_blocks(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch,
                                     struct iovec* iovs, int32_t iovcnt, uint64_t offset_blocks,
                                     uint64_t num_blocks, const struct bdk_bdev_io_opts* opts,
                                     bdk_bdev_io_completion_cb cb, void* cb_arg);
/** Compares, and writes when equal, as one; -EINVAL for more than bdk_bdev_get_acwu() blocks. */
BDK_API int bdk_bdev_comparev_and_writev_blocks(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch,
                                                struct iovec* compare_iovs, int32_t compare_iovcnt,
                                                struct iovec* write_iovs, int32_t write_iovcnt,
                                                uint64_t offset_blocks, uint64_t num_blocks,
                                                bdk_bdev_io_completion_cb cb, void* cb_arg);
BDK_API int bdk_bdev_copy_blocks(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch,
                                 uint64_t dst_offset_blocks, uint64_t src_offset_blocks, uint64_t num_blocks,
                                 bdk_bdev_io_completion_cb cb, void* cb_arg);
/** Borrows the module's own buffer for the blocks. `iovs` and `iovcnt` say where cb finds it:
 * bdk_bdev_io_get_iovec(). */
BDK_API int bdk_bdev_zcopy_start(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch,
                                 uint64_t offset_blocks, uint64_t num_blocks, bool populate,
                                 bdk_bdev_io_completion_cb cb, void* cb_arg);
/** Gives the buffer of a completed zcopy start back, written to the blocks if `commit`. cb replaces the
 * start's. */
BDK_API int bdk_bdev_zcopy_end(struct bdk_bdev_io* io, bool commit, bdk_bdev_io_completion_cb cb,
                               void* cb_arg);
/** The next data, or hole, from the offset on: bdk_bdev_io_get_seek_offset(). */
BDK_API int bdk_bdev_seek_data(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, uint64_t offset_blocks,
                               bdk_bdev_io_completion_cb cb, void* cb_arg);
BDK_API int bdk_bdev_seek_hole(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, uint64_t offset_blocks,
                               bdk_bdev_io_completion_cb cb, void* cb_arg);

/** Resets the bdev: I/O in flight is aborted or drained, new I/O waits meanwhile. Needs no write permission.
 */
BDK_API int bdk_bdev_reset(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch,
                           bdk_bdev_io_completion_cb cb, void* cb_arg);
/** Aborts the I/Os that were submitted on `ch` with `bio_cb_arg`; NULL: all on `ch`. Fails if one could not
 * be aborted. -ENOTSUP: the module has no abort, and nothing waits in the core, which needs none. */
BDK_API int bdk_bdev_abort(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, void* bio_cb_arg,
                           bdk_bdev_io_completion_cb cb, void* cb_arg);

/** Raw NVMe commands; `cmd`: 64 bytes, copied. All need write permission. */
BDK_API int bdk_bdev_nvme_admin_passthru(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch,
                                         const void* cmd, void* buf, uint64_t nbytes,
                                         bdk_bdev_io_completion_cb cb, void* cb_arg);
BDK_API int bdk_bdev_nvme_io_passthru(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, const void* cmd,
                                      void* buf, uint64_t nbytes, bdk_bdev_io_completion_cb cb, void* cb_arg);
BDK_API int bdk_bdev_nvme_io_passthru_md(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch,
                                         const void* cmd, void* buf, uint64_t nbytes, void* md_buf,
                                         uint32_t md_len, bdk_bdev_io_completion_cb cb, void* cb_arg);
BDK_API int bdk_bdev_nvme_iov_passthru_md(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch,
                                          const void* cmd, struct iovec* iovs, int32_t iovcnt,
                                          uint64_t nbytes, void* md_buf, uint32_t md_len,
                                          bdk_bdev_io_completion_cb cb, void* cb_arg);

/** Runs on the channel's thread. It may abort or complete I/O, and may call bdk_bdev_set_timeout() on the
 * desc's thread. */
typedef void (*bdk_bdev_io_timeout_cb)(void* cb_arg, struct bdk_bdev_io* io);
/**
 * [desc's thread] Sets how long an I/O of this desc may take before cb(cb_arg, io) is called, once for each
 * I/O. An I/O that is older already is told of as well. Each channel follows in a message: until then it
 * calls the callback that was set before.
 * @param timeout_ms  milliseconds; 0 ends it
 * @param cb          may be NULL with 0
 * @return 0; -EINVAL without cb, or for a time that does not fit.
 */
BDK_API int bdk_bdev_set_timeout(struct bdk_bdev_desc* desc, uint64_t timeout_ms, bdk_bdev_io_timeout_cb cb,
                                 void* cb_arg);

BDK_C_END

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file desc.h
 * Opening a bdev and doing I/O. A desc belongs to the thread that opened it; a channel of it, to the thread
 * that got the channel. Every I/O function here:
 *   - is called on the channel's thread, with a desc and a channel of it;
 *   - takes `opts`, which may be NULL for none, and reads them before it returns;
 *   - returns 0 when the I/O was submitted: then cb runs once, on this thread, never before the call has
 * returned, and must lead to one bdk_bdev_free_io();
 *   - else has done nothing, and cb does not run. The result says why:
 *       -EINVAL   a range that is empty or not inside the bdev; lengths, pointers or options that do not fit;
 *                 a channel of another desc; a write that does not fill write units where the bdev insists;
 *       -EBADF    the desc is read-only, and the type of I/O needs a writer;
 *       -ENOTSUP  the bdev lacks the type of I/O (bdk_bdev_io_type_supported()), its module was built too
 * early to know a flag, or the desc hides metadata; -ENODEV   the desc is closed; -ENOMEM   no bdev_io is
 * free: bdk_bdev_queue_io_wait(); -E2BIG    options with fields that the host does not know. Buffers and
 * iovecs stay the caller's and untouched until cb: the arrays of iovecs too. Buffers may lie at any address.
 * The lengths of the iovecs add up to that of the blocks. I/O of any length is accepted: the core splits it.
 * I/Os in flight at the same time may reach the device in any order.
 */
#ifndef BDEVKIT_DESC_H
#define BDEVKIT_DESC_H

#include <bdevkit/abi.h>
#include <bdevkit/bdev.h>
#include <bdevkit/bdev_io.h>
#include <bdevkit/event.h>
#include <bdevkit/io_channel.h>

BDK_C_BEGIN

/** An open bdev; the caller's until bdk_bdev_close(). */
struct bdk_bdev_desc;

/** How a desc is opened. */
enum {
    BDK_BDEV_OPEN_WRITE = 1u << 0, /**< to write as well; without it only what changes nothing is accepted */
    /**
     * The desc has blocks of data alone: where the bdev has interleaved metadata or protection information,
     * the host inserts them into what is written, and checks and strips them from what is read or compared.
     * An md_buf is refused with -EINVAL; zcopy and zone append with -ENOTSUP; NVMe commands pass as they are.
     */
    BDK_BDEV_OPEN_HIDE_METADATA = 1u << 1,
};

/**
 * [bdk thread] Opens the bdev `name`.
 * @param name       its name, an alias or its UUID
 * @param flags      BDK_BDEV_OPEN_*; they never change (but see bdk_bdev_module_claim_bdev())
 * @param event_cb   required; runs on the calling thread, in later turns
 * @param event_ctx  for event_cb; valid until the desc is closed
 * @param desc       result; the caller's until bdk_bdev_close(), and untouched on error
 * @return 0; -ENODEV when there is none, or it is being removed; -EPERM to write under a claim (the log names
 * the holder); -EINVAL without event_cb or for unknown flags (logged); -ENOMEM.
 */
BDK_API int bdk_bdev_open(const char* name, uint32_t flags, bdk_bdev_event_cb event_cb, void* event_ctx,
                          struct bdk_bdev_desc** desc);

/** [the thread that asked] `desc`: the callee's to close; NULL when rc is not 0. `rc`: as bdk_bdev_open(),
 * but -ETIMEDOUT where that says -ENODEV. */
typedef void (*bdk_bdev_open_async_cb)(struct bdk_bdev_desc* desc, int rc, void* ctx);
/**
 * [bdk thread] As bdk_bdev_open(), waiting for a bdev that is not there yet. It looks every 5 ms.
 * @param name        copied
 * @param timeout_ms  milliseconds to wait, less than 2^44; 0: one look
 * @param cb          runs once, in a later turn
 * @return 0 when cb will run; -EINVAL without name, event_cb or cb, or for unknown flags; -ENOMEM.
 */
BDK_API int bdk_bdev_open_async(const char* name, uint32_t flags, bdk_bdev_event_cb event_cb, void* event_ctx,
                                uint64_t timeout_ms, bdk_bdev_open_async_cb cb, void* ctx);

/**
 * [desc's thread] Closes the desc, once; event_cb is not called any more. Its channels take no new I/O: that
 * of this thread from now on, those of other threads as soon as a message has reached them. What waits in the
 * core ends as aborted; other I/O in flight is waited for, without blocking. The channels' memory lives until
 * they are put: a submission on one returns -ENODEV.
 */
BDK_API void bdk_bdev_close(struct bdk_bdev_desc* desc);

/**
 * [desc's thread] Takes the oldest media events that the desc has not read, after
 * BDK_BDEV_EVENT_MEDIA_MANAGEMENT.
 * @param events      gets them
 * @param max         room in `events`, in elements
 * @param event_size  sizeof(struct bdk_bdev_media_event): bytes from one to the next. Fields that the host
 * does not know get zero
 * @return how many were taken; 0 when none is unread, and (logged) for an event_size that no ABI has
 */
BDK_API uint32_t bdk_bdev_get_media_events(struct bdk_bdev_desc* desc, struct bdk_bdev_media_event* events,
                                           uint32_t max, uint32_t event_size);

/** [any thread] The bdev, valid as long as the desc is open. */
BDK_API struct bdk_bdev* bdk_bdev_desc_get_bdev(const struct bdk_bdev_desc* desc);
/** [any thread] Whether it may write now: it was opened so, or a claim has made it so. */
BDK_API bool bdk_bdev_desc_is_writable(const struct bdk_bdev_desc* desc);

/* The bdev as this desc has it: where metadata are hidden, without. */
/** [any thread] Bytes per block; with interleaved metadata, those included. */
BDK_API uint32_t bdk_bdev_desc_get_block_size(const struct bdk_bdev_desc* desc);
/** [any thread] Bytes of metadata per block; 0 for none. */
BDK_API uint32_t bdk_bdev_desc_get_md_size(const struct bdk_bdev_desc* desc);
/** [any thread] Whether metadata follow each block's data; false where they are separate, or none. */
BDK_API bool bdk_bdev_desc_is_md_interleaved(const struct bdk_bdev_desc* desc);
/** [any thread] Type of the protection information: 1 to 3; 0 for none. */
BDK_API uint32_t bdk_bdev_desc_get_dif_type(const struct bdk_bdev_desc* desc);

/** [bdk thread] The calling thread's channel of the desc; each get needs one bdk_put_io_channel() there. NULL
 * (logged) when the desc is closed, the thread is exiting, the module gives no channel, or without memory. */
BDK_API struct bdk_io_channel* bdk_bdev_get_io_channel(struct bdk_bdev_desc* desc);
/** [channel's thread] The module's channel under `ch`, a channel of a desc, as submit_request gets it; the
 * core keeps its reference. NULL once the desc is closed. */
BDK_API struct bdk_io_channel* bdk_bdev_io_channel_get_module_channel(struct bdk_io_channel* ch);

/** [the submitter's thread] The I/O has ended. `io`: the callee's until bdk_bdev_free_io(). `success`: the
 * status is BDK_BDEV_IO_STATUS_SUCCESS. */
typedef void (*bdk_bdev_io_completion_cb)(struct bdk_bdev_io* io, bool success, void* cb_arg);

/** [the submitter's thread] Gives a completed I/O back, once, in its callback or later, with the buffers that
 * the host made for it. Before its callback, or a second time: reported, and nothing is done. */
BDK_API void bdk_bdev_free_io(struct bdk_bdev_io* io);

/**
 * Options of one I/O. Set `size`; what you do not use is 0. What the type of the I/O does not have is refused
 * with -EINVAL:
 *   - FUA is for what changes blocks: write, append, write zeroes, unmap, copy, compare-and-write;
 *   - NO_UNMAP is for write zeroes;
 *   - `md_buf` is for read, write, compare and append, on a bdev with separate metadata;
 *   - `dif_check_flags_exclude` is for what has data: these four and compare-and-write.
 */
struct bdk_bdev_io_opts {
    uint32_t size;
    uint32_t flags;                   /**< BDK_BDEV_IO_FUA, BDK_BDEV_IO_NO_UNMAP */
    void* md_buf;                     /**< separate metadata of all blocks; NULL for none */
    uint32_t dif_check_flags_exclude; /**< BDK_DIF_CHECK_*: checks to leave out */
    uint32_t reserved;
};

/** A place in the queue for memory; the caller's, untouched until cb. */
struct bdk_bdev_io_wait_entry {
    struct bdk_bdev* bdev;    /**< the bdev that bdk_bdev_queue_io_wait() is called for */
    void (*cb)(void* cb_arg); /**< [channel's thread] a bdev_io is free: submit again */
    void* cb_arg;             /**< for cb */
    uint64_t opaque[2];       /**< the host's */
};
/**
 * [channel's thread] After -ENOMEM of a submission: entry->cb runs once, in the order of the entries, when a
 * bdev_io is free. It may get -ENOMEM again, and wait again.
 * @param entry  with bdev, cb and cb_arg set
 * @return 0 when cb will run; -EINVAL when a bdev_io is free, or for another bdev than entry->bdev; -ENOMEM
 */
BDK_API int bdk_bdev_queue_io_wait(struct bdk_bdev* bdev, struct bdk_io_channel* ch,
                                   struct bdk_bdev_io_wait_entry* entry);

/* Offsets and lengths in bytes, which must be multiples of the block size, else -EINVAL. */
/** [channel's thread] As bdk_bdev_read_blocks(). */
BDK_API int bdk_bdev_read(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, void* buf, uint64_t offset,
                          uint64_t nbytes, const struct bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                          void* cb_arg);
/** [channel's thread] As bdk_bdev_write_blocks(). */
BDK_API int bdk_bdev_write(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, void* buf, uint64_t offset,
                           uint64_t nbytes, const struct bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                           void* cb_arg);
/** [channel's thread] As bdk_bdev_flush_blocks(). */
BDK_API int bdk_bdev_flush(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, uint64_t offset,
                           uint64_t nbytes, const struct bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                           void* cb_arg);
/** [channel's thread] As bdk_bdev_unmap_blocks(). */
BDK_API int bdk_bdev_unmap(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, uint64_t offset,
                           uint64_t nbytes, const struct bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                           void* cb_arg);
/** [channel's thread] As bdk_bdev_write_zeroes_blocks(). */
BDK_API int bdk_bdev_write_zeroes(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, uint64_t offset,
                                  uint64_t nbytes, const struct bdk_bdev_io_opts* opts,
                                  bdk_bdev_io_completion_cb cb, void* cb_arg);

/* Offsets and lengths in blocks from here on. A read with buf NULL, or iovs with iov_base NULL, gets a buffer
 * of the host's, readable with bdk_bdev_io_get_iovec() until bdk_bdev_free_io(). */
/** [channel's thread] Reads into one buffer; `buf` may be NULL. */
BDK_API int bdk_bdev_read_blocks(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, void* buf,
                                 uint64_t offset_blocks, uint64_t num_blocks,
                                 const struct bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                                 void* cb_arg);
/** [channel's thread] Writes one buffer. */
BDK_API int bdk_bdev_write_blocks(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, void* buf,
                                  uint64_t offset_blocks, uint64_t num_blocks,
                                  const struct bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                                  void* cb_arg);
/** [channel's thread] Reads into several buffers; with `iovcnt` 0, or the first iov_base NULL, into one of
 * the host's. */
BDK_API int bdk_bdev_readv_blocks(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, struct iovec* iovs,
                                  int32_t iovcnt, uint64_t offset_blocks, uint64_t num_blocks,
                                  const struct bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                                  void* cb_arg);
/** [channel's thread] Writes several buffers. */
BDK_API int bdk_bdev_writev_blocks(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, struct iovec* iovs,
                                   int32_t iovcnt, uint64_t offset_blocks, uint64_t num_blocks,
                                   const struct bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                                   void* cb_arg);
/** [channel's thread] Puts what was written to the range on stable storage, as far as its I/O had completed
 * before this call. Needs no write permission. */
BDK_API int bdk_bdev_flush_blocks(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch,
                                  uint64_t offset_blocks, uint64_t num_blocks,
                                  const struct bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                                  void* cb_arg);
/** [channel's thread] Gives the blocks back to the device. Their content is undefined until they are written,
 * but each read gives the same. */
BDK_API int bdk_bdev_unmap_blocks(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch,
                                  uint64_t offset_blocks, uint64_t num_blocks,
                                  const struct bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                                  void* cb_arg);
/** [channel's thread] Writes zeroes; made of writes where the module lacks it. With BDK_BDEV_IO_NO_UNMAP the
 * blocks stay allocated. */
BDK_API int bdk_bdev_write_zeroes_blocks(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch,
                                         uint64_t offset_blocks, uint64_t num_blocks,
                                         const struct bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                                         void* cb_arg);
/** [channel's thread] Compares blocks with buffers; made of reads where the module lacks it. Ends with
 * BDK_BDEV_IO_STATUS_MISCOMPARE when they differ. Needs no write permission. */
BDK_API int bdk_bdev_comparev_blocks(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch,
                                     struct iovec* iovs, int32_t iovcnt, uint64_t offset_blocks,
                                     uint64_t num_blocks, const struct bdk_bdev_io_opts* opts,
                                     bdk_bdev_io_completion_cb cb, void* cb_arg);
/** [channel's thread] Compares blocks with the first buffers and, when equal, writes the second ones, as one
 * step: no I/O of others comes between. Ends with BDK_BDEV_IO_STATUS_MISCOMPARE, and nothing written, when
 * they differ. Each list of iovecs covers all blocks. -EINVAL for more than
 * bdk_bdev_get_max_compare_and_write() blocks. */
BDK_API int bdk_bdev_comparev_and_writev_blocks(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch,
                                                struct iovec* compare_iovs, int32_t compare_iovcnt,
                                                struct iovec* write_iovs, int32_t write_iovcnt,
                                                uint64_t offset_blocks, uint64_t num_blocks,
                                                const struct bdk_bdev_io_opts* opts,
                                                bdk_bdev_io_completion_cb cb, void* cb_arg);
/** [channel's thread] Copies blocks inside the bdev; made of reads and writes where the module lacks it. The
 * ranges may overlap: the destination gets what the source had before. It is not one step: other I/O on the
 * blocks meanwhile, or a copy that fails, may leave some copied and others not. */
BDK_API int bdk_bdev_copy_blocks(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch,
                                 uint64_t dst_offset_blocks, uint64_t src_offset_blocks, uint64_t num_blocks,
                                 const struct bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                                 void* cb_arg);
/** [channel's thread] Borrows the module's own buffer for the blocks; not emulated. cb finds it with
 * bdk_bdev_io_get_iovec(). It holds their data if `populate`, else anything. When the I/O has succeeded it is
 * due for one bdk_bdev_zcopy_end(); when it has failed, for bdk_bdev_free_io(). Needs no write permission. */
BDK_API int bdk_bdev_zcopy_start(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch,
                                 uint64_t offset_blocks, uint64_t num_blocks, bool populate,
                                 const struct bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                                 void* cb_arg);
/**
 * [the submitter's thread] Gives the buffer of a zcopy start that has succeeded back, once, written to the
 * blocks if `commit`. The buffer is not the caller's any more; `io` is the same again in cb, for
 * bdk_bdev_free_io().
 * @param cb  replaces the start's, and so does cb_arg
 * @return 0 when cb will run; else `io` stays the caller's as it is: -EINVAL for an I/O of another type or in
 * flight, or options that do not fit; -EBADF to commit through a read-only desc; -ENODEV when the desc is
 * closed: then the module is not told, and only bdk_bdev_free_io() is left; -E2BIG
 */
BDK_API int bdk_bdev_zcopy_end(struct bdk_bdev_io* io, bool commit, const struct bdk_bdev_io_opts* opts,
                               bdk_bdev_io_completion_cb cb, void* cb_arg);
/** [channel's thread] Looks for the next block with data, at the offset or behind it; not emulated. cb finds
 * it with bdk_bdev_io_get_seek_offset(): UINT64_MAX when there is none up to the end. -EINVAL for an offset
 * beyond the end. */
BDK_API int bdk_bdev_seek_data(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, uint64_t offset_blocks,
                               const struct bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                               void* cb_arg);
/** [channel's thread] As bdk_bdev_seek_data(), for the next block without data. */
BDK_API int bdk_bdev_seek_hole(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, uint64_t offset_blocks,
                               const struct bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                               void* cb_arg);

/** [channel's thread] Resets the bdev, for all its users: the module aborts or drains the I/O that it has,
 * new I/O waits meanwhile, and what waits in the core for memory or a rate limit ends as aborted. Of several
 * resets one runs at a time. Needs no write permission. */
BDK_API int bdk_bdev_reset(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch,
                           const struct bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb, void* cb_arg);
/** [channel's thread] Aborts the I/Os that were submitted on `ch` with `bio_cb_arg`; NULL: all on `ch`, but
 * not aborts. Each still ends with its own cb. Fails if one could not be aborted, or ended first; with none
 * it succeeds. -ENOTSUP: the module has no abort, and nothing waits in the core, which needs none. */
BDK_API int bdk_bdev_abort(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, void* bio_cb_arg,
                           const struct bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb, void* cb_arg);

/*
 * Raw NVMe commands; not emulated, split or bounced: a bdev whose module lacks them returns -ENOTSUP. All
 * need write permission, also commands that only read. The module fills in command id, namespace and PRPs;
 * nobody checks the rest, and the opcode says which way the data go. cb finds the device's answer with
 * bdk_bdev_io_get_nvme_status(). Of `opts` every flag and field is refused, so NULL will do. Parameters:
 *   cmd        64 bytes: the submission queue entry; copied
 *   buf        the data of the command; NULL for none
 *   nbytes     bytes of data, which must be those of the command; 0 for none
 *   md_buf     separate metadata; NULL for none
 *   md_nbytes  bytes of metadata, of all blocks together
 */
/** [channel's thread] An admin command. It waits for no quiesced or locked range, and for no rate limit. */
BDK_API int bdk_bdev_nvme_admin_passthru(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch,
                                         const void* cmd, void* buf, uint64_t nbytes,
                                         const struct bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                                         void* cb_arg);
/** [channel's thread] An I/O command; metadata, if any, are in `buf`. */
BDK_API int bdk_bdev_nvme_io_passthru(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, const void* cmd,
                                      void* buf, uint64_t nbytes, const struct bdk_bdev_io_opts* opts,
                                      bdk_bdev_io_completion_cb cb, void* cb_arg);
/** [channel's thread] An I/O command with separate metadata. */
BDK_API int bdk_bdev_nvme_io_passthru_md(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch,
                                         const void* cmd, void* buf, uint64_t nbytes, void* md_buf,
                                         uint32_t md_nbytes, const struct bdk_bdev_io_opts* opts,
                                         bdk_bdev_io_completion_cb cb, void* cb_arg);
/** [channel's thread] As bdk_bdev_nvme_io_passthru_md(), with the data in iovecs: one or more, whose lengths
 * add up to `nbytes`, else -EINVAL. */
BDK_API int bdk_bdev_nvme_iov_passthru_md(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch,
                                          const void* cmd, struct iovec* iovs, int32_t iovcnt,
                                          uint64_t nbytes, void* md_buf, uint32_t md_nbytes,
                                          const struct bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                                          void* cb_arg);

/** [channel's thread] `io` is late and still in flight: it stays so, and is not to be freed. The callee may
 * abort it, and may call bdk_bdev_set_timeout() on the desc's thread. */
typedef void (*bdk_bdev_io_timeout_cb)(struct bdk_bdev_io* io, void* cb_arg);
/**
 * [desc's thread] Sets how long an I/O of this desc may take, from its submission, before cb(io, cb_arg) is
 * called, once for each I/O. It comes up to a quarter of the time late: 1 ms at least, 1 s at most. An I/O
 * that is older already is told of as well, also one of which the callback before was told. A desc has one
 * timeout: this one replaces it. Each channel follows in a message: until then it calls the callback that was
 * set before.
 * @param timeout_ms  milliseconds; 0 ends it
 * @param cb          may be NULL with 0
 * @return 0; -EINVAL without cb, or for more than 2^64 / bdk_get_ticks_hz() milliseconds: about
 * a hundred days.
 */
BDK_API int bdk_bdev_set_timeout(struct bdk_bdev_desc* desc, uint64_t timeout_ms, bdk_bdev_io_timeout_cb cb,
                                 void* cb_arg);

BDK_C_END

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file range_lock.h
 * Writes that must not be mixed with those of others: parts of blocks, and what a user who has gone left
 * behind.
 *
 * A write of less than a block reads the block, changes a part and writes the block back. The writer locks
 * the blocks first. From then until it unlocks them, no other I/O changes them, whichever desc, channel,
 * thread or layer above it comes from: such I/O waits in the core, in the order in which it came. Reads do
 * not wait. While nobody locks blocks of a bdev, its writes cost what they always do.
 *
 * A layer above that has claimed the bdev writes what it has read before: only its own users can lock against
 * that, on the layer.
 */
#ifndef BDEVKIT_RANGE_LOCK_H
#define BDEVKIT_RANGE_LOCK_H

#include <bdevkit/abi.h>

BDK_C_BEGIN

struct bdk_bdev_desc;
struct bdk_io_channel;

/** Blocks that are locked, or wait to be; the caller's until bdk_bdev_unlock_range(). */
struct bdk_bdev_range;

/** [channel's thread] `rc`: 0: the blocks are locked; -ECANCELED: bdk_bdev_abandon() has refused them, and
 * the range is gone. */
typedef void (*bdk_bdev_range_cb)(int rc, void* cb_arg);

/**
 * [channel's thread] Locks blocks for a read, a change and a write. I/O that the caller then submits on `ch`
 * with the same `cb_arg`, inside the range, is not held up by the lock. An I/O that changes the blocks and
 * came before is waited for. A range that overlaps one that is locked, or waits, waits for it.
 * @param offset_blocks  first block
 * @param num_blocks     not 0; the range lies inside the bdev
 * @param cb             runs on this thread, in a later turn, if the result is BDK_PENDING
 * @param cb_arg         tells the caller's I/O; at most one range at a time has the same on a channel
 * @param range          for bdk_bdev_unlock_range(), which is due unless cb says -ECANCELED; set before the
 * call returns
 * @return 0: the blocks are locked; BDK_PENDING: cb will run; -EINVAL for a bad range, without cb, or for a
 * channel of another desc; -EBADF when the desc
 * is read-only; -EBUSY when `cb_arg` has a range on `ch`; -ENODEV when the desc is closed; -ENOMEM.
 */
BDK_API int bdk_bdev_lock_range(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, uint64_t offset_blocks,
                                uint64_t num_blocks, bdk_bdev_range_cb cb, void* cb_arg,
                                struct bdk_bdev_range** range);

/** [channel's thread] Gives the range back, once: a second time is reported. One that still waits does not
 * wait any more, and cb does not run. The desc's close waits for it as for an I/O. */
BDK_API void bdk_bdev_unlock_range(struct bdk_bdev_range* range);

/** [channel's thread] Whether an I/O that was submitted with `cb_arg` is to be abandoned. Runs inside the
 * call of bdk_bdev_abandon(), and must not call the bdev layer. */
typedef bool (*bdk_bdev_abandon_match)(void* ctx, void* cb_arg);
/** [channel's thread] From here on no write of others passes a write that was abandoned. */
typedef void (*bdk_bdev_abandon_cb)(void* ctx);

/** How bdk_bdev_abandon() treats what has not reached the module yet. */
enum {
    BDK_BDEV_ABANDON_DROP = 1u << 0 /**< abort it; without the flag it goes on */
};

/**
 * [channel's thread] For a user that is gone while its I/O is in flight: a lost connection. Its writes that
 * are in flight keep their blocks until they have ended, and other I/O that would change these blocks waits
 * for them. So nothing of the user lands on newer data. Each I/O still ends with its callback.
 *
 * With BDK_BDEV_ABANDON_DROP, what the core holds (for a rate limit, memory, a reset, a quiesced or locked
 * range, or as the rest of an I/O that was split) is aborted at once, ranges that wait are refused with
 * -ECANCELED in this call, and the modules are asked to abort what they have, where they can.
 * @param flags  BDK_BDEV_ABANDON_*
 * @param match  NULL: all I/O and ranges of `ch`
 * @param cb     runs on this thread in a later turn
 * @return 0: cb will run, also when the desc is closed; -EINVAL for unknown flags, without cb, or for another
 * desc's channel, with nothing done
 */
BDK_API int bdk_bdev_abandon(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, uint32_t flags,
                             bdk_bdev_abandon_match match, bdk_bdev_abandon_cb cb, void* ctx);

BDK_C_END

#endif

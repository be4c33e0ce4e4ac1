/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file quiesce.h
 * Quiescing: a module stops the I/O on a bdev of its own, or on a range of it, to change what lies
 * underneath. I/O that touches the range waits in the core, in order; other I/O runs on. Resets, aborts and
 * admin commands are not held.
 */
#ifndef BDEVKIT_QUIESCE_H
#define BDEVKIT_QUIESCE_H

#include <bdevkit/abi.h>

BDK_C_BEGIN

struct bdk_bdev;
struct bdk_module;

/** Runs on the thread that asked. `rc`: 0 or a negative errno. */
typedef void (*bdk_bdev_quiesce_cb)(void* ctx, int rc);

/**
 * [bdk thread] Holds new I/O on the range, and calls cb once the I/O that touches it has completed.
 * A range that overlaps one that is quiesced waits until that one is released.
 * @param module         the bdev's own
 * @param offset_blocks  first block
 * @param num_blocks     not 0; the range lies inside the bdev
 * @return 0 when cb will run; -EINVAL for a bad range, another module, no cb, or outside a bdk thread;
 * -ENOMEM.
 */
BDK_API int bdk_bdev_quiesce_range(struct bdk_bdev* bdev, const struct bdk_module* module,
                                   uint64_t offset_blocks, uint64_t num_blocks, bdk_bdev_quiesce_cb cb,
                                   void* ctx);

/**
 * [bdk thread] Lets the I/O of a quiesced range go on, in the order in which it came; then cb.
 * @return 0 when cb will run; -ENOENT when that range is not quiesced; -EINVAL as above.
 */
BDK_API int bdk_bdev_unquiesce_range(struct bdk_bdev* bdev, const struct bdk_module* module,
                                     uint64_t offset_blocks, uint64_t num_blocks, bdk_bdev_quiesce_cb cb,
                                     void* ctx);

/** [bdk thread] As bdk_bdev_quiesce_range(), for the whole bdev, whatever size it comes to have. */
BDK_API int bdk_bdev_quiesce(struct bdk_bdev* bdev, const struct bdk_module* module, bdk_bdev_quiesce_cb cb,
                             void* ctx);

/** [bdk thread] Ends bdk_bdev_quiesce(). */
BDK_API int bdk_bdev_unquiesce(struct bdk_bdev* bdev, const struct bdk_module* module, bdk_bdev_quiesce_cb cb,
                               void* ctx);

BDK_C_END

#endif

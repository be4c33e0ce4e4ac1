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

/** [the thread that asked] The range is quiesced, or released. `rc`: 0. */
typedef void (*bdk_bdev_quiesce_cb)(int rc, void* ctx);

/**
 * [bdk thread] Holds new I/O on the range, and calls cb once the I/O that touches it has completed.
 * A range that overlaps one that is quiesced waits until that one is released.
 * @param module         the bdev's own
 * @param offset_blocks  first block
 * @param num_blocks     not 0; the range lies inside the bdev
 * @param cb             runs in a later turn
 * @return 0 when cb will run; -EINVAL for a bad range, another module, or no cb; -ENOMEM.
 */
BDK_API int bdk_bdev_quiesce_range(struct bdk_bdev* bdev, const struct bdk_module* module,
                                   uint64_t offset_blocks, uint64_t num_blocks, bdk_bdev_quiesce_cb cb,
                                   void* ctx);

/**
 * [bdk thread] Lets the I/O of a quiesced range go on, in the order in which it came; then cb.
 * @param offset_blocks, num_blocks  as they were quiesced: a part of a range cannot be released
 * @return 0 when cb will run; -ENOENT when that very range is not quiesced, or still waits for its turn;
 * -EINVAL as bdk_bdev_quiesce_range().
 */
BDK_API int bdk_bdev_unquiesce_range(struct bdk_bdev* bdev, const struct bdk_module* module,
                                     uint64_t offset_blocks, uint64_t num_blocks, bdk_bdev_quiesce_cb cb,
                                     void* ctx);

/** [bdk thread] As bdk_bdev_quiesce_range(), for the whole bdev, whatever size it comes to have. @return as
 * there */
BDK_API int bdk_bdev_quiesce(struct bdk_bdev* bdev, const struct bdk_module* module, bdk_bdev_quiesce_cb cb,
                             void* ctx);

/** [bdk thread] As bdk_bdev_unquiesce_range(), for bdk_bdev_quiesce(). */
BDK_API int bdk_bdev_unquiesce(struct bdk_bdev* bdev, const struct bdk_module* module, bdk_bdev_quiesce_cb cb,
                               void* ctx);

BDK_C_END

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file qos.h
 * Rate limits of a bdev, over all its users and threads. I/O beyond a limit waits in the core, in order; an
 * abort or a reset ends it there. Reads, writes, zone appends, compares, zero-copy reads and writes, and NVMe
 * I/O commands are limited; a compare counts as a read, a compare-and-write as a write. Flush, unmap, write
 * zeroes, copy, resets, aborts and admin commands are not. Without limits nothing is measured.
 */
#ifndef BDEVKIT_QOS_H
#define BDEVKIT_QOS_H

#include <bdevkit/abi.h>

BDK_C_BEGIN

struct bdk_bdev;

/** In place of a limit: leave it as it is. */
#define BDK_BDEV_QOS_KEEP UINT64_MAX

/** Limits per second; 0: none. Set `size`. */
struct bdk_bdev_qos_limits {
    uint32_t size;
    uint32_t reserved;
    uint64_t rw_iops;                /**< reads and writes */
    uint64_t rw_bytes_per_second;    /**< of both */
    uint64_t read_bytes_per_second;  /**< of reads */
    uint64_t write_bytes_per_second; /**< of writes */
};

/** [the thread that asked] `rc`: 0: the limits hold on every thread; -EINVAL and -E2BIG: limits that the host
 * does not know. */
typedef void (*bdk_bdev_set_qos_cb)(int rc, void* ctx);
/**
 * [bdk thread] Sets the limits; cb runs when they hold on every thread. I/O that waits goes on under the new
 * ones, at once where there are none. The caller holds a desc of the bdev until cb. They end with the bdev's
 * removal.
 *
 * After a time without I/O up to 20 ms' worth passes at once. An I/O larger than that passes too, and those
 * behind it wait the longer.
 * @param limits  read before the call returns; fields behind its `size` are left as they are. Its `size` is
 * at least that of ABI 1.0
 * @param cb      runs in a later turn; with an error before the call returns
 */
BDK_API void bdk_bdev_set_qos_rate_limits(struct bdk_bdev* bdev, const struct bdk_bdev_qos_limits* limits,
                                          bdk_bdev_set_qos_cb cb, void* ctx);

/** [any thread] The limits in force. The caller holds a desc of the bdev. @return 0; -EINVAL when `size` is 0
 */
BDK_API int bdk_bdev_get_qos_rate_limits(struct bdk_bdev* bdev, struct bdk_bdev_qos_limits* limits);

BDK_C_END

#endif

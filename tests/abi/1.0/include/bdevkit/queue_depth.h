/* SPDX-License-Identifier: BSD-3-Clause */
/** @file queue_depth.h Sampling how many I/Os a bdev has in flight. Off unless asked for. */
#ifndef BDEVKIT_QUEUE_DEPTH_H
#define BDEVKIT_QUEUE_DEPTH_H

#include <bdevkit/abi.h>

BDK_C_BEGIN

struct bdk_bdev;

/**
 * [bdk thread] Samples the bdev's queue depth every `period_us` microseconds, from zero; 0 ends it. A change
 * while it runs keeps what has been added up. It takes effect in a message, and there is one period for all
 * who ask. The caller holds a desc of the bdev; sampling goes on when that is closed, until the bdev goes.
 */
BDK_API void bdk_bdev_set_qd_sampling_period(struct bdk_bdev* bdev, uint64_t period_us);

/** What sampling has found. Set `size`. */
struct bdk_bdev_qd_stat {
    uint32_t size;
    uint32_t reserved;
    uint64_t period_us;   /**< 0: not sampled */
    uint64_t queue_depth; /**< I/Os in flight at the last sample, those that the core holds included */
    uint64_t io_time_us;  /**< time during which samples found I/O in flight */
    uint64_t weighted_io_time_us; /**< the same, times the queue depth */
    uint64_t num_samples;         /**< samples taken */
};
/** [any thread] Fills `stat`, with zeroes where nobody has asked for sampling. The caller holds a desc of the
 * bdev.
 * @return 0; -EINVAL when `size` is 0 */
BDK_API int bdk_bdev_get_qd_stat(struct bdk_bdev* bdev, struct bdk_bdev_qd_stat* stat);

BDK_C_END

#endif

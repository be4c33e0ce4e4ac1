/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file histogram.h
 * Latency histograms of a bdev. Off, they cost nothing; on, each channel keeps its own, and they are merged
 * when somebody asks. A percentile is off by less than 1%.
 */
#ifndef BDEVKIT_HISTOGRAM_H
#define BDEVKIT_HISTOGRAM_H

#include <bdevkit/abi.h>

BDK_C_BEGIN

struct bdk_bdev;
/** Latencies that were merged; the host's, valid during the callback that got it. */
struct bdk_histogram;
struct bdk_json_writer;

/** [the thread that asked] Every channel follows now. `rc`: 0; -ENOMEM: nothing has changed. */
typedef void (*bdk_bdev_histogram_enable_cb)(int rc, void* ctx);
/**
 * [bdk thread] Begins to measure, from zero, or ends it and forgets what was measured. The caller holds a
 * desc of the bdev until cb.
 * @param io_types  BDK_BDEV_IO_TYPE_BIT()s of the types to measure; 0: all. I/Os that fail are left out
 * @param cb        runs in a later turn; with an error before the call returns
 */
BDK_API void bdk_bdev_histogram_enable(struct bdk_bdev* bdev, bool enable, uint64_t io_types,
                                       bdk_bdev_histogram_enable_cb cb, void* ctx);

/** [the thread that asked] `histogram`: valid during the call; NULL when rc is not 0. `rc`: 0; -EINVAL when
 * nothing is being measured; -ENOMEM. */
typedef void (*bdk_bdev_histogram_get_cb)(const struct bdk_histogram* histogram, int rc, void* ctx);
/**
 * [bdk thread] Merges what the channels, living and gone, have measured since it began. The caller holds a
 * desc of the bdev until cb.
 * @param cb  runs in a later turn; with an error before the call returns
 */
BDK_API void bdk_bdev_histogram_get(struct bdk_bdev* bdev, bdk_bdev_histogram_get_cb cb, void* ctx);

/** [any thread] How many I/Os were measured. */
BDK_API uint64_t bdk_histogram_count(const struct bdk_histogram* histogram);
/** [any thread] The shortest latency, in nanoseconds; 0 while the count is. */
BDK_API uint64_t bdk_histogram_min_ns(const struct bdk_histogram* histogram);
/** [any thread] The longest latency, in nanoseconds; 0 while the count is. */
BDK_API uint64_t bdk_histogram_max_ns(const struct bdk_histogram* histogram);
/** [any thread] The mean of the latencies, in nanoseconds; 0 while the count is. */
BDK_API uint64_t bdk_histogram_mean_ns(const struct bdk_histogram* histogram);
/** [any thread] The latency that `percent` of the I/Os, 0 to 100, do not exceed, in nanoseconds. */
BDK_API uint64_t bdk_histogram_percentile_ns(const struct bdk_histogram* histogram, double percent);

/** [any thread] `first_ns`, `last_ns`: the shortest and longest latency of the bucket, in nanoseconds;
 * `count`: I/Os in it. Runs on the caller's thread, inside the call. */
typedef void (*bdk_histogram_bucket_fn)(uint64_t first_ns, uint64_t last_ns, uint64_t count, void* ctx);
/** [any thread] Calls fn for each bucket that is not empty, from the lowest. */
BDK_API void bdk_histogram_for_each_bucket(const struct bdk_histogram* histogram, bdk_histogram_bucket_fn fn,
                                           void* ctx);
/** [any thread] Writes count, min, max, mean and percentiles as members of the open object. */
BDK_API void bdk_histogram_dump_json(const struct bdk_histogram* histogram, struct bdk_json_writer* w);

BDK_C_END

#endif

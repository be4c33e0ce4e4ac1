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
struct bdk_histogram;
struct bdk_json_writer;

/** Runs on the thread that asked. `rc`: 0 or a negative errno. */
typedef void (*bdk_bdev_histogram_enable_cb)(void* ctx, int rc);
/**
 * [bdk thread] Begins to measure, from zero, or ends it and forgets what was measured. The caller holds a
 * desc of the bdev.
 * @param io_types  BDK_BDEV_IO_TYPE_BIT()s of the types to measure; 0: all. I/Os that fail are left out
 */
BDK_API void bdk_bdev_histogram_enable(struct bdk_bdev* bdev, bool enable, uint64_t io_types,
                                       bdk_bdev_histogram_enable_cb cb, void* ctx);

/** Runs on the thread that asked. `histogram`: valid during the call; NULL when rc is not 0. */
typedef void (*bdk_bdev_histogram_get_cb)(void* ctx, int rc, const struct bdk_histogram* histogram);
/**
 * [bdk thread] Merges what the channels, living and gone, have measured since it began. The caller holds a
 * desc of the bdev. cb gets -EINVAL when nothing is being measured.
 */
BDK_API void bdk_bdev_histogram_get(struct bdk_bdev* bdev, bdk_bdev_histogram_get_cb cb, void* ctx);

/** [any thread] How many I/Os were measured. */
BDK_API uint64_t bdk_histogram_count(const struct bdk_histogram* histogram);
/** [any thread] Nanoseconds; each is 0 while the count is. */
BDK_API uint64_t bdk_histogram_min_ns(const struct bdk_histogram* histogram);
BDK_API uint64_t bdk_histogram_max_ns(const struct bdk_histogram* histogram);
BDK_API uint64_t bdk_histogram_mean_ns(const struct bdk_histogram* histogram);
/** [any thread] The latency that `percent` of the I/Os, 0 to 100, do not exceed, in nanoseconds. */
BDK_API uint64_t bdk_histogram_percentile_ns(const struct bdk_histogram* histogram, double percent);

/** `first_ns`, `last_ns`: the latencies of the bucket. */
typedef void (*bdk_histogram_bucket_fn)(void* ctx, uint64_t first_ns, uint64_t last_ns, uint64_t count);
/** [any thread] Calls fn for each bucket that is not empty, from the lowest. */
BDK_API void bdk_histogram_for_each_bucket(const struct bdk_histogram* histogram, bdk_histogram_bucket_fn fn,
                                           void* ctx);
/** [any thread] Writes count, min, max, mean and percentiles as members of the open object. */
BDK_API void bdk_histogram_dump_json(const struct bdk_histogram* histogram, struct bdk_json_writer* w);

BDK_C_END

#endif

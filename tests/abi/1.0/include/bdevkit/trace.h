/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file trace.h
 * The file that the module `trace` writes: a header, then records until the file ends. All numbers are
 * little-endian. A reader skips to `header_size` and goes on in steps of `record_size`, so that later
 * versions may add fields at the end of both. Records stand in the order in which the module got hold of
 * them; `submit_ns` gives the order of submission.
 */
#ifndef BDEVKIT_TRACE_H
#define BDEVKIT_TRACE_H

#include <bdevkit/abi.h>

#define BDK_TRACE_MAGIC "BDKTRACE" /**< the first 8 bytes, without a NUL */
#define BDK_TRACE_VERSION 1u       /**< another one is another format */

/** What the file begins with. */
struct bdk_trace_header {
    char magic[8];        /**< BDK_TRACE_MAGIC */
    uint32_t version;     /**< BDK_TRACE_VERSION */
    uint32_t header_size; /**< bytes from the start of the file to the first record */
    uint32_t record_size; /**< bytes from one record to the next */
    uint32_t block_size;  /**< bytes per block of the bdev */
    uint64_t num_blocks;  /**< of the bdev */
    uint64_t start_time;  /**< what submit_ns counts from, in nanoseconds since 1970 */
    char bdev[88];        /**< its name, ended by a NUL, cut if longer */
};

/** One I/O that has ended, or a number of them that were lost. */
struct bdk_trace_record {
    uint64_t submit_ns;     /**< when the module got it */
    uint64_t latency_ns;    /**< from there to its end */
    uint64_t offset_blocks; /**< 0 for types without a range */
    uint32_t num_blocks;    /**< UINT32_MAX: that many or more */
    uint8_t type;           /**< BDK_BDEV_IO_TYPE_*; 0: num_blocks I/Os before it are not in the file */
    int8_t status;          /**< BDK_BDEV_IO_STATUS_* */
    uint8_t flags;          /**< BDK_BDEV_IO_FUA and so on */
    uint8_t thread;         /**< which of the bdev's channels, modulo 256 */
};

#endif

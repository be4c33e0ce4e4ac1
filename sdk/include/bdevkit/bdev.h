/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file bdev.h
 * Finding a bdev and asking about it. A `struct bdk_bdev *` may be passed between threads; it is valid while
 * a desc of it is open, or during the callback that got it.
 */
#ifndef BDEVKIT_BDEV_H
#define BDEVKIT_BDEV_H

#include <bdevkit/abi.h>

BDK_C_BEGIN

struct bdk_bdev;
struct bdk_io_channel;
struct bdk_json_writer;
struct bdk_thread;

/** [app thread] The bdev of that name, alias or UUID; NULL when there is none. */
BDK_API struct bdk_bdev* bdk_bdev_get_by_name(const char* name);

/** @return 0 to go on; anything else ends the walk. */
typedef int (*bdk_for_each_bdev_fn)(void* ctx, struct bdk_bdev* bdev);
/**
 * [app thread] Calls fn for every bdev that is there when the walk begins. fn may open, close, register and
 * unregister: a bdev that is gone by its turn is left out, one that is on its way out is not, and a new one
 * is not visited.
 * @return fn's last result
 */
BDK_API int bdk_for_each_bdev(void* ctx, bdk_for_each_bdev_fn fn);
/** [app thread] As bdk_for_each_bdev(), for the bdevs that no module has claimed. */
BDK_API int bdk_for_each_bdev_leaf(void* ctx, bdk_for_each_bdev_fn fn);

/* Each of these: [any thread], while the bdev is valid. Strings live as long as the bdev. */
BDK_API const char* bdk_bdev_get_name(const struct bdk_bdev* bdev);
BDK_API const char* bdk_bdev_get_product_name(const struct bdk_bdev* bdev);
BDK_API const char* bdk_bdev_get_module_name(const struct bdk_bdev* bdev);
/** The n-th alias, from 0; NULL after the last. */
BDK_API const char* bdk_bdev_get_alias(const struct bdk_bdev* bdev, uint32_t n);
BDK_API void bdk_bdev_get_uuid(const struct bdk_bdev* bdev, struct bdk_uuid* uuid);
/** Bytes per block; with interleaved metadata, those included. */
BDK_API uint32_t bdk_bdev_get_block_size(const struct bdk_bdev* bdev);
BDK_API uint32_t bdk_bdev_get_physical_block_size(const struct bdk_bdev* bdev);
BDK_API uint64_t bdk_bdev_get_num_blocks(const struct bdk_bdev* bdev);
/** Of the data part of a block: the block size less interleaved metadata. */
BDK_API uint32_t bdk_bdev_get_data_block_size(const struct bdk_bdev* bdev);
/** Bytes of metadata per block; 0 for none. */
BDK_API uint32_t bdk_bdev_get_md_size(const struct bdk_bdev* bdev);
BDK_API bool bdk_bdev_is_md_interleaved(const struct bdk_bdev* bdev);
/** Protection information: 0 none, 1 to 3. */
BDK_API uint32_t bdk_bdev_get_dif_type(const struct bdk_bdev* bdev);
/** BDK_DIF_PI_FORMAT_* */
BDK_API uint32_t bdk_bdev_get_dif_pi_format(const struct bdk_bdev* bdev);
/** Whether protection information is at the head of the metadata, else at the tail. */
BDK_API bool bdk_bdev_is_dif_head_of_md(const struct bdk_bdev* bdev);
/** BDK_DIF_CHECK_*: what the bdev checks. */
BDK_API uint32_t bdk_bdev_get_dif_check_flags(const struct bdk_bdev* bdev);
/** Bytes to which buffers should be aligned for speed; any buffer is accepted. */
BDK_API size_t bdk_bdev_get_buf_align(const struct bdk_bdev* bdev);
/** In blocks. */
BDK_API uint32_t bdk_bdev_get_write_unit_size(const struct bdk_bdev* bdev);
/** In blocks; 0 for none. I/O that crosses a multiple of it is slower. */
BDK_API uint32_t bdk_bdev_get_optimal_io_boundary(const struct bdk_bdev* bdev);
/** Blocks of the longest compare-and-write: no other I/O comes between its two parts. */
BDK_API uint32_t bdk_bdev_get_acwu(const struct bdk_bdev* bdev);
BDK_API bool bdk_bdev_has_write_cache(const struct bdk_bdev* bdev);
BDK_API bool bdk_bdev_is_zoned(const struct bdk_bdev* bdev);
/** In blocks. */
BDK_API uint64_t bdk_bdev_get_zone_size(const struct bdk_bdev* bdev);
/** Asks the module where the answer may change. Emulated types count as supported. */
BDK_API bool bdk_bdev_io_type_supported(const struct bdk_bdev* bdev, uint32_t type);

/**
 * Counters of I/O. Latencies are in ticks: the sum, and the smallest and largest of all, 0 while there is
 * none. Only I/Os that succeeded have a part in them. A zcopy start that populates counts as a read, an end
 * that commits as a write. Set `size`.
 */
struct bdk_bdev_io_stat {
    uint32_t size;
    uint32_t reserved;
    uint64_t bytes_read, num_read_ops, read_latency_ticks;
    uint64_t bytes_written, num_write_ops, write_latency_ticks;
    uint64_t bytes_unmapped, num_unmap_ops, unmap_latency_ticks;
    uint64_t bytes_copied, num_copy_ops, copy_latency_ticks;
    uint64_t num_flush_ops, num_other_ops; /**< other: of the types that have no counter of their own */
    uint64_t num_errors;                   /**< I/Os that ended in anything but success */
    uint64_t ticks_rate;                   /**< ticks per second */
    uint64_t min_read_latency_ticks, max_read_latency_ticks;
    uint64_t min_write_latency_ticks, max_write_latency_ticks;
    uint64_t min_unmap_latency_ticks, max_unmap_latency_ticks;
    uint64_t min_copy_latency_ticks, max_copy_latency_ticks;
    uint64_t bytes_zeroed, num_write_zeroes_ops, write_zeroes_latency_ticks;
    uint64_t min_write_zeroes_latency_ticks, max_write_zeroes_latency_ticks;
    uint64_t flush_latency_ticks, min_flush_latency_ticks, max_flush_latency_ticks;
    uint64_t num_errors_by_status[16]; /**< index: minus the BDK_BDEV_IO_STATUS_* */
    uint64_t
        spin_ns; /**< what the module's get_spin_time() says of the channels there are; a reset leaves it */
};

/** Runs on the thread that asked. `rc`: 0 or a negative errno. `stat` is the one passed in. */
typedef void (*bdk_bdev_get_device_stat_cb)(struct bdk_bdev* bdev, struct bdk_bdev_io_stat* stat, void* ctx,
                                            int rc);
/**
 * [bdk thread] Sums the counters of all channels, living and gone. The caller holds a desc of the bdev.
 * @param stat  stays valid until cb
 */
BDK_API void bdk_bdev_get_device_stat(struct bdk_bdev* bdev, struct bdk_bdev_io_stat* stat,
                                      bdk_bdev_get_device_stat_cb cb, void* ctx);
/** [channel's thread] The counters of one channel. @return 0 or -EINVAL. */
BDK_API int bdk_bdev_get_io_stat(struct bdk_io_channel* ch, struct bdk_bdev_io_stat* stat);

/** What bdk_bdev_reset_device_stat() sets back. */
enum {
    BDK_BDEV_RESET_STAT_ALL = 0,    /**< every counter, the module's own included */
    BDK_BDEV_RESET_STAT_MAXMIN = 1, /**< the smallest and largest latencies */
};
/** Runs on the thread that asked. `rc`: 0 or a negative errno. */
typedef void (*bdk_bdev_reset_device_stat_cb)(struct bdk_bdev* bdev, void* ctx, int rc);
/**
 * [bdk thread] Sets counters of all channels back, each on its own thread. The caller holds a desc of the
 * bdev. cb gets -EINVAL for an unknown mode.
 * @param mode  BDK_BDEV_RESET_STAT_*
 */
BDK_API void bdk_bdev_reset_device_stat(struct bdk_bdev* bdev, uint32_t mode,
                                        bdk_bdev_reset_device_stat_cb cb, void* ctx);

/** [any thread] Writes the counters as members of the open object; latencies in nanoseconds. */
BDK_API void bdk_bdev_io_stat_dump_json(const struct bdk_bdev_io_stat* stat, struct bdk_json_writer* w);

/** [app thread] Writes what is known of the bdev, its module's dump_info_json included, as members of the
 * open object. */
BDK_API void bdk_bdev_dump_info_json(struct bdk_bdev* bdev, struct bdk_json_writer* w);

BDK_C_END

#endif

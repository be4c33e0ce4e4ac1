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

/** A bdev. Only the module that registered it looks into the struct: bdev_module.h. */
struct bdk_bdev;
struct bdk_io_channel;
struct bdk_json_writer;
struct bdk_thread;

/** [app thread] The bdev of that name, alias or UUID (in its text form, small letters); NULL when there is
 * none. It is valid until the caller gives the thread back; to keep it, open it. */
BDK_API struct bdk_bdev* bdk_bdev_get_by_name(const char* name);

/** [app thread] Visits one bdev. @return 0 to go on; anything else ends the walk, and is its result */
typedef int (*bdk_for_each_bdev_fn)(struct bdk_bdev* bdev, void* ctx);
/**
 * [app thread] Calls fn for every bdev that is there when the walk begins. fn may open, close, register and
 * unregister: a bdev that is gone by its turn is left out, one that is on its way out is not, and a new one
 * is not visited.
 * @return fn's last result; 0 when there are no bdevs
 */
BDK_API int bdk_for_each_bdev(bdk_for_each_bdev_fn fn, void* ctx);
/** [app thread] As bdk_for_each_bdev(), for the bdevs that nobody has claimed when their turn comes. */
BDK_API int bdk_for_each_bdev_leaf(bdk_for_each_bdev_fn fn, void* ctx);

/* Each of these may be asked while the bdev is valid. The three names live as long as the bdev. */
/** [any thread] Its name. */
BDK_API const char* bdk_bdev_get_name(const struct bdk_bdev* bdev);
/** [any thread] What kind of bdev it is, such as "Malloc disk"; "" where its module does not say. */
BDK_API const char* bdk_bdev_get_product_name(const struct bdk_bdev* bdev);
/** [any thread] The name of the module that made it. */
BDK_API const char* bdk_bdev_get_module_name(const struct bdk_bdev* bdev);
/**
 * [any thread] Copies the n-th alias, from 0. The number of an alias changes when one before it is deleted.
 * @param buf   gets at most `size` bytes with the NUL that ends them, the alias cut if it is longer; may be
 *              NULL when `size` is 0
 * @param size  bytes of room in `buf`
 * @return the length of the whole alias in bytes, without the NUL; -ENOENT after the last
 */
BDK_API int bdk_bdev_get_alias(const struct bdk_bdev* bdev, uint32_t n, char* buf, size_t size);
/** [any thread] Its UUID, which every bdev has: where the module gave none, one made from the name. */
BDK_API void bdk_bdev_get_uuid(const struct bdk_bdev* bdev, struct bdk_uuid* uuid);
/** [any thread] Bytes per block; with interleaved metadata, those included. */
BDK_API uint32_t bdk_bdev_get_block_size(const struct bdk_bdev* bdev);
/** [any thread] Bytes that the device writes atomically; the block size where the module does not say. */
BDK_API uint32_t bdk_bdev_get_physical_block_size(const struct bdk_bdev* bdev);
/** [any thread] Blocks of the bdev. A resize changes it at any moment. */
BDK_API uint64_t bdk_bdev_get_num_blocks(const struct bdk_bdev* bdev);
/** [any thread] Bytes of data per block: the block size less interleaved metadata. */
BDK_API uint32_t bdk_bdev_get_data_block_size(const struct bdk_bdev* bdev);
/** [any thread] Bytes of metadata per block; 0 for none. */
BDK_API uint32_t bdk_bdev_get_md_size(const struct bdk_bdev* bdev);
/** [any thread] Whether metadata follow each block's data; false where they are separate, or none. */
BDK_API bool bdk_bdev_is_md_interleaved(const struct bdk_bdev* bdev);
/** [any thread] Type of the protection information: 1 to 3; 0 for none. */
BDK_API uint32_t bdk_bdev_get_dif_type(const struct bdk_bdev* bdev);
/** [any thread] Format of the protection information: BDK_DIF_PI_FORMAT_*; 0 without any, too. */
BDK_API uint32_t bdk_bdev_get_dif_pi_format(const struct bdk_bdev* bdev);
/** [any thread] Whether protection information is at the head of the metadata, else at the tail; false
 * without any. */
BDK_API bool bdk_bdev_is_dif_head_of_md(const struct bdk_bdev* bdev);
/** [any thread] BDK_DIF_CHECK_*: what the bdev checks; 0 without protection information. */
BDK_API uint32_t bdk_bdev_get_dif_check_flags(const struct bdk_bdev* bdev);
/** [any thread] Bytes to which buffers should be aligned for speed, 1 to 4096; any buffer is accepted. */
BDK_API size_t bdk_bdev_get_buf_align(const struct bdk_bdev* bdev);
/** [any thread] In blocks, at least 1: a write that does not fill whole units is slower, or refused where the
 * bdev has BDK_BDEV_SPLIT_ON_WRITE_UNIT. */
BDK_API uint32_t bdk_bdev_get_write_unit_size(const struct bdk_bdev* bdev);
/** [any thread] In blocks; 0 for none. I/O that crosses a multiple of it is slower. */
BDK_API uint32_t bdk_bdev_get_optimal_io_boundary(const struct bdk_bdev* bdev);
/** [any thread] In blocks, at least 1: a compare-and-write of that many is one step for the device. The write
 * unit where the module does not say. */
BDK_API uint32_t bdk_bdev_get_acwu(const struct bdk_bdev* bdev);
/** [any thread] In blocks: the longest compare-and-write that is accepted; no other I/O comes between its two
 * parts. UINT32_MAX: any, because the core makes it, here or in a bdev below. */
BDK_API uint32_t bdk_bdev_get_max_compare_and_write(const struct bdk_bdev* bdev);
/** [any thread] Whether a write is durable only after a flush, or with FUA. */
BDK_API bool bdk_bdev_has_write_cache(const struct bdk_bdev* bdev);
/** [any thread] Whether the bdev has zones: zone.h. */
BDK_API bool bdk_bdev_is_zoned(const struct bdk_bdev* bdev);
/** [any thread] Blocks from the start of one zone to the next; 0 where the bdev has none. */
BDK_API uint64_t bdk_bdev_get_zone_size(const struct bdk_bdev* bdev);
/** [any thread] The NUMA node of the device; BDK_NUMA_ANY when it is not known. */
BDK_API int32_t bdk_bdev_get_numa_node(const struct bdk_bdev* bdev);
/** [app thread] The n-th bdev that it stands on, from 0; NULL after the last. Bases that are gone are left
 * out. */
BDK_API struct bdk_bdev* bdk_bdev_get_base(const struct bdk_bdev* bdev, uint32_t n);

/** What a bdev can take at once, and what it takes best. In blocks, and 0 means no limit, unless said. Longer
 * I/O is split by the core. Set `size`. */
struct bdk_bdev_limits {
    uint32_t size;
    uint32_t reserved;
    uint32_t buffer_alignment;     /**< bytes; 1: none. The core copies buffers that are not aligned */
    uint32_t write_unit_size;      /**< at least 1 */
    uint32_t optimal_io_boundary;  /**< I/O that crosses a multiple of it is slower */
    uint32_t max_rw_size;          /**< of a read or write */
    uint32_t max_segment_size;     /**< bytes of an iovec */
    uint32_t max_num_segments;     /**< iovecs of an I/O */
    uint32_t max_unmap;            /**< of an unmap */
    uint32_t max_write_zeroes;     /**< of a write zeroes */
    uint32_t max_copy;             /**< of a copy */
    uint32_t acwu;                 /**< of a compare-and-write; at least 1 */
    uint32_t max_zone_append_size; /**< of a zone append; longer ones are refused, not split */
    uint32_t max_open_zones;       /**< zones that are open at a time */
    uint32_t max_active_zones;     /**< zones that are open or closed at a time */
    uint32_t optimal_open_zones;   /**< zones, for speed; 0: not known */
    uint64_t zone_size;            /**< 0: it has no zones */
};
/** [any thread] Fills the fields that fit into limits->size; with size 0, none. */
BDK_API void bdk_bdev_get_limits(const struct bdk_bdev* bdev, struct bdk_bdev_limits* limits);

/** [any thread] Whether an I/O of the type is accepted: BDK_BDEV_IO_TYPE_*. Types that the core makes from
 * others count. Where the bdev has BDK_BDEV_DYNAMIC_IO_TYPES the module is asked, and the answer may change.
 */
BDK_API bool bdk_bdev_io_type_supported(const struct bdk_bdev* bdev, uint32_t type);
/** [any thread] As bdk_bdev_io_type_supported(), without the types that the core makes from others for this
 * bdev. */
BDK_API bool bdk_bdev_io_type_native(const struct bdk_bdev* bdev, uint32_t type);

/**
 * Counters of I/O. Latencies are in ticks: the sum, and the smallest and largest of all, 0 while there is
 * none. Only I/Os that succeeded have a part in them. A zcopy start that populates counts as a read, an end
 * that commits as a write. Set `size`.
 */
struct bdk_bdev_io_stat {
    uint32_t size;
    uint32_t reserved;
    uint64_t bytes_read, num_read_ops, read_latency_ticks;       /**< of reads */
    uint64_t bytes_written, num_write_ops, write_latency_ticks;  /**< of writes */
    uint64_t bytes_unmapped, num_unmap_ops, unmap_latency_ticks; /**< of unmaps */
    uint64_t bytes_copied, num_copy_ops, copy_latency_ticks;     /**< of copies */
    uint64_t num_flush_ops, num_other_ops; /**< other: of the types that have no counter of their own */
    uint64_t num_errors;                   /**< I/Os that ended in anything but success */
    uint64_t ticks_rate;                   /**< ticks per second */
    uint64_t min_read_latency_ticks, max_read_latency_ticks;                        /**< of a read */
    uint64_t min_write_latency_ticks, max_write_latency_ticks;                      /**< of a write */
    uint64_t min_unmap_latency_ticks, max_unmap_latency_ticks;                      /**< of an unmap */
    uint64_t min_copy_latency_ticks, max_copy_latency_ticks;                        /**< of a copy */
    uint64_t bytes_zeroed, num_write_zeroes_ops, write_zeroes_latency_ticks;        /**< of write zeroes */
    uint64_t min_write_zeroes_latency_ticks, max_write_zeroes_latency_ticks;        /**< of a write zeroes */
    uint64_t flush_latency_ticks, min_flush_latency_ticks, max_flush_latency_ticks; /**< of flushes */
    uint64_t num_errors_by_status[16]; /**< index: minus the BDK_BDEV_IO_STATUS_* */
    uint64_t
        spin_ns; /**< what the module's get_spin_time() says of the channels there are; a reset leaves it */
};

/** [the thread that asked] `stat`: the one passed in, filled when rc is 0. `rc`: 0; -EINVAL when its `size`
 * is 0; -ENOMEM. */
typedef void (*bdk_bdev_get_device_stat_cb)(struct bdk_bdev* bdev, struct bdk_bdev_io_stat* stat, int rc,
                                            void* ctx);
/**
 * [bdk thread] Sums the counters of all channels, living and gone. The caller holds a desc of the bdev until
 * cb.
 * @param stat  with `size` set; stays valid until cb
 * @param cb    runs in a later turn; with an error before the call returns
 */
BDK_API void bdk_bdev_get_device_stat(struct bdk_bdev* bdev, struct bdk_bdev_io_stat* stat,
                                      bdk_bdev_get_device_stat_cb cb, void* ctx);
/** [channel's thread] The counters of one channel of a desc. @return 0; -EINVAL when `size` is 0, or the desc
 * is closed */
BDK_API int bdk_bdev_get_io_stat(struct bdk_io_channel* ch, struct bdk_bdev_io_stat* stat);

/** What bdk_bdev_reset_device_stat() sets back. */
enum {
    BDK_BDEV_RESET_STAT_ALL = 0,    /**< every counter, the module's own included */
    BDK_BDEV_RESET_STAT_MAXMIN = 1, /**< the smallest and largest latencies */
};
/** [the thread that asked] `rc`: 0; -EINVAL for an unknown mode. */
typedef void (*bdk_bdev_reset_device_stat_cb)(struct bdk_bdev* bdev, int rc, void* ctx);
/**
 * [bdk thread] Sets counters of all channels back, each on its own thread. The caller holds a desc of the
 * bdev until cb.
 * @param mode  BDK_BDEV_RESET_STAT_*
 * @param cb    runs in a later turn; with an error before the call returns
 */
BDK_API void bdk_bdev_reset_device_stat(struct bdk_bdev* bdev, uint32_t mode,
                                        bdk_bdev_reset_device_stat_cb cb, void* ctx);

/** [any thread] Writes the counters as members of the object that is open in `w`; latencies in nanoseconds.
 */
BDK_API void bdk_bdev_io_stat_dump_json(const struct bdk_bdev_io_stat* stat, struct bdk_json_writer* w);

/** [app thread] Writes what is known of the bdev, its module's dump_info_json included, as members of the
 * open object. */
BDK_API void bdk_bdev_dump_info_json(struct bdk_bdev* bdev, struct bdk_json_writer* w);

BDK_C_END

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/** @file bdev_module.h What a module gives the core: a bdev and its function table. */
#ifndef BDEVKIT_BDEV_MODULE_H
#define BDEVKIT_BDEV_MODULE_H

#include <bdevkit/abi.h>
#include <bdevkit/bdev.h>
#include <bdevkit/bdev_io.h>
#include <bdevkit/event.h>
#include <bdevkit/module.h>

BDK_C_BEGIN

/** The seam between core and module. `ctxt` is the bdev's. The core copies the table at registration;
 * destruct, submit_request and get_io_channel are required, the others may be NULL. */
struct bdk_bdev_fn_table {
    uint32_t size;
    uint32_t reserved;

    /**
     * [app thread] The last desc is closed: give everything back. The struct bdk_bdev may be freed in it,
     * or once bdk_bdev_destruct_done() has been called.
     * @return 0; a negative errno (logged; the bdev is gone all the same); BDK_PENDING, then
     * bdk_bdev_destruct_done().
     */
    int (*destruct)(void* ctxt);

    /**
     * [channel's thread] Starts the I/O; must not block. It ends with exactly one bdk_bdev_io_complete*() or
     * bdk_bdev_io_forward*(), now or later. Type, range, alignment and write permission have been checked.
     * @param ch  the module's own channel, from get_io_channel
     * @param io  the module's until that call
     */
    void (*submit_request)(struct bdk_io_channel* ch, struct bdk_bdev_io* io);

    /** [any thread] Whether the type works now: BDK_BDEV_IO_TYPE_*. Asked once, at registration, unless the
     * bdev has BDK_BDEV_DYNAMIC_IO_TYPES. Optional: NULL leaves it to struct bdk_bdev::io_type_supported. */
    bool (*io_type_supported)(void* ctxt, uint32_t type);

    /** [bdk thread] The calling thread's channel for this bdev, with a reference that the core puts; NULL on
     * failure. */
    struct bdk_io_channel* (*get_io_channel)(void* ctxt);

    /** [app thread] Writes what the module knows of the bdev, as members of the open object. Optional. */
    void (*dump_info_json)(void* ctxt, struct bdk_json_writer* w);

    /** [app thread] Writes the options that make this bdev again, as members of the open object. Optional. */
    void (*write_config_json)(void* ctxt, struct bdk_json_writer* w);

    /**
     * [app thread] Changes the size, in blocks, and calls bdk_bdev_notify_blockcnt_change(). Optional. One
     * resize of a bdev at a time is under way.
     * @return 0; a negative errno; BDK_PENDING, then bdk_bdev_resize_done().
     */
    int (*resize)(void* ctxt, uint64_t num_blocks);

    /** [app thread] Statistics of the module's own, as members of the open object. Optional. */
    void (*dump_device_stat_json)(void* ctxt, struct bdk_json_writer* w);

    /** [app thread] Sets these statistics back to zero. Optional. */
    void (*reset_device_stat)(void* ctxt);

    /** [channel's thread] Nanoseconds that the module has spent polling for this channel since it was made.
     * `ch`: the module's. Optional. */
    uint64_t (*get_spin_time)(void* ctxt, struct bdk_io_channel* ch);
};

/** Flags of a bdev. */
enum {
    BDK_BDEV_WRITE_CACHE = 1u << 0, /**< a write is durable only after a flush, or with FUA */
    BDK_BDEV_FUA = 1u << 1, /**< with WRITE_CACHE: the module honours BDK_BDEV_IO_FUA of writes and zone
                                 appends. Without it, and for every other type, the core flushes */
    BDK_BDEV_MD_INTERLEAVED = 1u << 2, /**< metadata follow each block's data */
    BDK_BDEV_DIF_HEAD_OF_MD = 1u << 3, /**< protection information is at the head of the metadata */
    BDK_BDEV_ZONED = 1u << 4,          /**< it has zones of `zone_size` blocks */
    BDK_BDEV_SPLIT_ON_OPTIMAL_IO_BOUNDARY = 1u << 5, /**< the core splits reads and writes there */
    BDK_BDEV_SPLIT_ON_WRITE_UNIT = 1u << 6,          /**< the core splits writes into write units */
    BDK_BDEV_DYNAMIC_IO_TYPES = 1u << 7, /**< io_type_supported() is asked for every I/O, not once */
};

/**
 * A block device. The module allocates it (zeroed), fills it and keeps it until destruct; strings must live
 * as long. The core reads it at registration and owns `internal`. Change nothing afterwards, but through the
 * functions below.
 */
struct bdk_bdev {
    uint32_t size;                            /**< sizeof(struct bdk_bdev) */
    uint32_t flags;                           /**< BDK_BDEV_WRITE_CACHE and so on */
    void* ctxt;                               /**< passed to the functions; the core never looks at it */
    const char* name;                         /**< unique, at most 255 bytes */
    const char* product_name;                 /**< of the kind, such as "Malloc disk" */
    const char* const* aliases;               /**< ends in NULL; NULL for none */
    const struct bdk_module* module;          /**< the module's own table */
    const struct bdk_bdev_fn_table* fn_table; /**< its functions */

    uint64_t blockcnt; /**< logical blocks */
    uint32_t blocklen; /**< bytes per logical block: a power of two from 512, plus interleaved metadata */
    uint32_t phys_blocklen;     /**< bytes the device writes atomically; 0: blocklen */
    uint64_t io_type_supported; /**< BDK_BDEV_IO_TYPE_BIT() of each type; 0: fn_table->io_type_supported
                                   decides alone */
    struct bdk_uuid uuid;       /**< zero: derived from the name */

    uint32_t required_alignment;  /**< of buffers: 2^this bytes, at most 12; the core bounces others */
    uint32_t write_unit_size;     /**< blocks; 0: 1 */
    uint32_t optimal_io_boundary; /**< blocks; 0: none */
    uint32_t max_rw_size;         /**< blocks per read or write; 0: no limit; the core splits */
    uint32_t max_segment_size;    /**< bytes per iovec; 0: no limit */
    uint32_t max_num_segments;    /**< iovecs per I/O; 0: no limit */
    uint32_t max_unmap;           /**< blocks per unmap; 0: no limit */
    uint32_t max_write_zeroes;    /**< blocks; 0: no limit */
    uint32_t max_copy;            /**< blocks; 0: no limit */
    uint32_t acwu;                /**< blocks per compare-and-write; UINT32_MAX: any; 0: a write unit, or any
                                     where the core makes it */

    uint32_t md_len;          /**< bytes of metadata per block; 0: none */
    uint32_t dif_type;        /**< protection information: 0 to 3 */
    uint32_t dif_pi_format;   /**< 0: 16-bit guard, 1: 32-bit, 2: 64-bit */
    uint32_t dif_check_flags; /**< BDK_DIF_CHECK_* */

    uint32_t max_zone_append_size; /**< blocks per zone append; 0: no limit */
    uint32_t reserved;
    uint64_t zone_size;                                            /**< blocks from zone to zone */
    uint32_t max_open_zones, max_active_zones, optimal_open_zones; /**< 0: no limit */

    int32_t numa_id; /**< NUMA node plus 1; 0: unknown */
    const struct bdk_bdev* const*
        bases; /**< the bdevs it stands on, ends in NULL: for listings and the order of shutdown */

    void* internal; /**< the core's */
};

/**
 * [app thread] Gives `own` the shape of a base: its size, its block and metadata formats, its limits, its
 * zones, and the flags that go with them. What makes `own` a bdev of its own stays as it is: ctxt, names,
 * module, function table, UUID, types of I/O, bases. The module then changes what differs, and registers
 * `own`. It never reads the struct of another module's bdev.
 * @param base  open, or examined in this call; read before the call returns
 * @param own   with `size` set; not registered
 */
BDK_API void bdk_bdev_inherit(const struct bdk_bdev* base, struct bdk_bdev* own);

/**
 * [app thread] Makes the bdev known; examination starts. On error nothing has happened.
 * Names and aliases are UTF-8 without control characters.
 * @return 0; -EEXIST when name, alias or UUID are in use, or the struct is registered already; -EINVAL for a
 * field that makes no sense (the log says which); -E2BIG for fields that the host does not know; -ENOMEM.
 */
BDK_API int bdk_bdev_register(struct bdk_bdev* bdev);

/** [the thread that asked] `rc`: what destruct returned or gave bdk_bdev_destruct_done(): the bdev is gone
 * whatever it is. But with -EBUSY it is not gone yet, because somebody else is unregistering it; and with
 * -ENODEV it was not registered. A destruct should not return these two. */
typedef void (*bdk_bdev_unregister_cb)(int rc, void* ctx);
/**
 * [bdk thread] Takes the bdev away. Every desc gets BDK_BDEV_EVENT_REMOVE; new opens are refused; once the
 * last desc is closed destruct is called, then cb. I/O in flight is waited for.
 * @param cb  may be NULL; runs in a later turn. Gets -EBUSY when the bdev is being unregistered, -ENODEV when
 * it is not registered (reported)
 */
BDK_API void bdk_bdev_unregister(struct bdk_bdev* bdev, bdk_bdev_unregister_cb cb, void* ctx);
/**
 * [app thread] As bdk_bdev_unregister(), by name, alias or UUID, if `module` made the bdev.
 * @return 0 when cb will run; -ENODEV when there is no such bdev, or another module made it: then it does not
 */
BDK_API int bdk_bdev_unregister_by_name(const char* name, const struct bdk_module* module,
                                        bdk_bdev_unregister_cb cb, void* ctx);
/** [any thread] Ends a destruct that returned BDK_PENDING, or will, once; the struct may be freed from here
 * on. `rc`: 0; a negative errno, which is logged. Without a destruct under way: reported, nothing is done. */
BDK_API void bdk_bdev_destruct_done(struct bdk_bdev* bdev, int rc);

/** [app thread] Ends a resize that returned BDK_PENDING, or will, once. `rc`: 0 or a negative errno. Without
 * a resize under way: reported, nothing is done. */
BDK_API void bdk_bdev_resize_done(struct bdk_bdev* bdev, int rc);

/**
 * [app thread] Tells the core that the size has changed; every desc gets BDK_BDEV_EVENT_RESIZE.
 * @param num_blocks  fewer than now only while no desc is open; as many as now changes nothing
 * @return 0; -EBUSY for a shrink under an open desc (logged); -EINVAL for no blocks, or more bytes than 2^64
 * (logged).
 */
BDK_API int bdk_bdev_notify_blockcnt_change(struct bdk_bdev* bdev, uint64_t num_blocks);

/**
 * [app thread] Tells every desc of ranges that ask for attention; each gets BDK_BDEV_EVENT_MEDIA_MANAGEMENT.
 * @param events      `count` of them, copied
 * @param event_size  sizeof(struct bdk_bdev_media_event): bytes from one to the next
 * @return 0; -EINVAL for none, a bad event_size, or a range outside the bdev; -E2BIG for fields that the host
 * does not know; -ENOSPC when a desc has 4096 unread events; -ENOMEM.
 */
BDK_API int bdk_bdev_push_media_events(struct bdk_bdev* bdev, const struct bdk_bdev_media_event* events,
                                       uint32_t count, uint32_t event_size);

/**
 * [app thread] Gives a bdev one more name, which finds and opens it.
 * @param alias  copied; UTF-8 without control characters
 * @return 0; -EEXIST when a bdev, this one too, has that name, alias or UUID (logged); -EINVAL when it is not
 * UTF-8 or has a control character (logged); -ENOMEM.
 */
BDK_API int bdk_bdev_alias_add(struct bdk_bdev* bdev, const char* alias);
/**
 * [app thread] Removes an alias, whether bdk_bdev_alias_add() or the struct gave it. Descs that were opened
 * by the alias stay open.
 * @return 0; -ENOENT when the bdev has no such alias: its name and its UUID are none.
 */
BDK_API int bdk_bdev_alias_del(struct bdk_bdev* bdev, const char* alias);

BDK_C_END

#endif

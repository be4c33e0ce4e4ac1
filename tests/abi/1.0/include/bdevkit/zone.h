/* SPDX-License-Identifier: BSD-3-Clause */
/** @file zone.h Zoned bdevs (NVMe Zoned Namespace Command Set). The rules of desc.h's I/O functions hold. */
#ifndef BDEVKIT_ZONE_H
#define BDEVKIT_ZONE_H

#include <bdevkit/abi.h>
#include <bdevkit/desc.h>

BDK_C_BEGIN

/** What to do with a zone. The numbers are NVMe's, and SPDK's plus one: 0 is no action. */
enum {
    BDK_BDEV_ZONE_CLOSE = 1,   /**< it can still be written, but is not open */
    BDK_BDEV_ZONE_FINISH = 2,  /**< it is full */
    BDK_BDEV_ZONE_OPEN = 3,    /**< it is open until it is closed or full */
    BDK_BDEV_ZONE_RESET = 4,   /**< it is empty: its data are gone */
    BDK_BDEV_ZONE_OFFLINE = 5, /**< it is out of use for ever; only where it was read-only */
};

/** The state of a zone. The numbers are SPDK's plus one: 0 is what nobody has filled. */
enum {
    BDK_BDEV_ZONE_STATE_EMPTY = 1,
    BDK_BDEV_ZONE_STATE_IMP_OPEN = 2,
    BDK_BDEV_ZONE_STATE_FULL = 3,
    BDK_BDEV_ZONE_STATE_CLOSED = 4,
    BDK_BDEV_ZONE_STATE_READ_ONLY = 5,
    BDK_BDEV_ZONE_STATE_OFFLINE = 6,
    BDK_BDEV_ZONE_STATE_EXP_OPEN = 7,
    BDK_BDEV_ZONE_STATE_NOT_WP = 8, /**< conventional: without a write pointer */
};

/** One zone. Places and lengths are in blocks. May grow: the functions that take one, or an array, take the
 * size of one as well. */
struct bdk_bdev_zone_info {
    uint64_t zone_id;       /**< first block */
    uint64_t write_pointer; /**< the block that is written next; without a meaning in some states */
    uint64_t capacity;      /**< blocks that can be written, from the first on */
    uint32_t state;         /**< BDK_BDEV_ZONE_STATE_* */
    uint32_t type;          /**< 1 conventional, 2 sequential write required, 3 sequential write preferred */
};

/**
 * [channel's thread] Asks for the state of zones. Only cb may tell how many elements were filled:
 * bdk_bdev_io_get_num_zones(). Needs no write permission. -EINVAL where the bdev has no zones.
 * @param zone_id    first block of the first zone, else -EINVAL
 * @param num_zones  not 0; -EINVAL if there are not so many from there to the end. The last zone may be short
 * @param info       num_zones elements, the module's until cb; those that are not filled are as they were
 * @param info_size  sizeof(struct bdk_bdev_zone_info): bytes from one element to the next. Fields that the
 *                   module or the host does not know get zero; -EINVAL for a size that no ABI has
 */
BDK_API int bdk_bdev_get_zone_info(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, uint64_t zone_id,
                                   uint32_t num_zones, struct bdk_bdev_zone_info* info, uint32_t info_size,
                                   const struct bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                                   void* cb_arg);
/**
 * [channel's thread] Takes one zone to another state. The I/O fails where the zone's state does not allow
 * that, or too many zones are open or active. -EINVAL where the bdev has no zones.
 * @param zone_id  first block of the zone, else -EINVAL
 * @param action   BDK_BDEV_ZONE_CLOSE to BDK_BDEV_ZONE_OFFLINE, else -EINVAL
 */
BDK_API int bdk_bdev_zone_management(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, uint64_t zone_id,
                                     uint32_t action, const struct bdk_bdev_io_opts* opts,
                                     bdk_bdev_io_completion_cb cb, void* cb_arg);
/**
 * [channel's thread] Writes at the write pointer of a zone, and moves it. cb finds out where with
 * bdk_bdev_io_get_append_location(). The I/O fails where the zone has no room for all blocks. It is not
 * split: -EINVAL for more blocks than max_zone_append_size of struct bdk_bdev_limits, or more data than fit
 * into as many segments as the bdev takes. -EINVAL where the bdev has no zones.
 * @param zone_id     first block of the zone, else -EINVAL
 * @param num_blocks  blocks to write; the iovecs hold them
 */
BDK_API int bdk_bdev_zone_appendv(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, struct iovec* iovs,
                                  int32_t iovcnt, uint64_t zone_id, uint64_t num_blocks,
                                  const struct bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                                  void* cb_arg);

BDK_C_END

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/** @file zone.h Zoned bdevs (NVMe Zoned Namespace Command Set). The rules of desc.h's I/O functions hold. */
#ifndef BDEVKIT_ZONE_H
#define BDEVKIT_ZONE_H

#include <bdevkit/abi.h>
#include <bdevkit/desc.h>

BDK_C_BEGIN

enum {
    BDK_BDEV_ZONE_CLOSE = 1,
    BDK_BDEV_ZONE_FINISH = 2,
    BDK_BDEV_ZONE_OPEN = 3,
    BDK_BDEV_ZONE_RESET = 4,
    BDK_BDEV_ZONE_OFFLINE = 5,
};

enum {
    BDK_BDEV_ZONE_STATE_EMPTY = 1,
    BDK_BDEV_ZONE_STATE_IMP_OPEN = 2,
    BDK_BDEV_ZONE_STATE_EXP_OPEN = 3,
    BDK_BDEV_ZONE_STATE_CLOSED = 4,
    BDK_BDEV_ZONE_STATE_READ_ONLY = 5,
    BDK_BDEV_ZONE_STATE_FULL = 6,
    BDK_BDEV_ZONE_STATE_OFFLINE = 7,
};

/** All in blocks. */
struct bdk_bdev_zone_info {
    uint64_t zone_id; /**< first block */
    uint64_t write_pointer;
    uint64_t capacity;
    uint32_t state; /**< BDK_BDEV_ZONE_STATE_* */
    uint32_t type;  /**< 1 conventional, 2 sequential write required, 3 sequential write preferred */
};

/** `info`: num_zones elements, filled before cb. */
BDK_API int bdk_bdev_get_zone_info(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, uint64_t zone_id,
                                   uint32_t num_zones, struct bdk_bdev_zone_info* info,
                                   bdk_bdev_io_completion_cb cb, void* cb_arg);
/** `action`: BDK_BDEV_ZONE_CLOSE and so on. */
BDK_API int bdk_bdev_zone_management(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, uint64_t zone_id,
                                     uint32_t action, bdk_bdev_io_completion_cb cb, void* cb_arg);
/** Where it went: bdk_bdev_io_get_append_location(). `opts` may be NULL. */
BDK_API int bdk_bdev_zone_appendv(struct bdk_bdev_desc* desc, struct bdk_io_channel* ch, struct iovec* iovs,
                                  int32_t iovcnt, uint64_t zone_id, uint64_t num_blocks,
                                  const struct bdk_bdev_io_opts* opts, bdk_bdev_io_completion_cb cb,
                                  void* cb_arg);

BDK_C_END

#endif

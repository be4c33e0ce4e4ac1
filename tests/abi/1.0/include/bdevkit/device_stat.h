/* SPDX-License-Identifier: BSD-3-Clause */
/** @file device_stat.h Counters of a bdev that are read and set back in one. */
#ifndef BDEVKIT_DEVICE_STAT_H
#define BDEVKIT_DEVICE_STAT_H

#include <bdevkit/bdev.h>

BDK_C_BEGIN

/**
 * [bdk thread] As bdk_bdev_get_device_stat() and bdk_bdev_reset_device_stat() in one: `stat` gets what is set
 * back, so that each I/O is in one answer or in a later one. After a read and a reset of their own, the I/Os
 * between the two are in none. The caller holds a desc of the bdev until cb.
 * @param stat  with `size` set; stays valid until cb
 * @param mode  BDK_BDEV_RESET_STAT_*
 * @param cb    gets -EINVAL for an unknown mode or without `size`, -ENOMEM; then before the call returns
 */
BDK_API void bdk_bdev_take_device_stat(struct bdk_bdev* bdev, struct bdk_bdev_io_stat* stat, uint32_t mode,
                                       bdk_bdev_get_device_stat_cb cb, void* ctx);

BDK_C_END

#endif

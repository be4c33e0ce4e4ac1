/* SPDX-License-Identifier: BSD-3-Clause */
/** @file event.h What the holder of a desc is told about its bdev. */
#ifndef BDEVKIT_EVENT_H
#define BDEVKIT_EVENT_H

#include <bdevkit/abi.h>

struct bdk_bdev;

/** What has happened. The numbers are SPDK's plus one: 0 is no event. */
enum {
    /** The bdev is going: stop submitting, let I/O in flight end, put the channels, close the desc. */
    BDK_BDEV_EVENT_REMOVE = 1,
    /** The number of blocks has changed. */
    BDK_BDEV_EVENT_RESIZE = 2,
    /** The media asks for attention: bdk_bdev_get_media_events() says where. */
    BDK_BDEV_EVENT_MEDIA_MANAGEMENT = 3,
};

/** A range of blocks that asks for attention: its data should be moved. May grow: the functions that take an
 * array of them take the size of one as well. */
struct bdk_bdev_media_event {
    uint64_t offset_blocks; /**< first block */
    uint64_t num_blocks;    /**< not 0 */
};

/** [desc's thread] Something has happened to the bdev. `type`: BDK_BDEV_EVENT_*; the callee ignores types
 * that it does not know. `bdev`: the desc's. Not called any more once the desc is closed. */
typedef void (*bdk_bdev_event_cb)(uint32_t type, struct bdk_bdev* bdev, void* event_ctx);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/** @file event.h What the holder of a desc is told about its bdev. */
#ifndef BDEVKIT_EVENT_H
#define BDEVKIT_EVENT_H

#include <bdevkit/abi.h>

struct bdk_bdev;

enum {
    /** The bdev is going: stop submitting, let I/O in flight end, put the channels, close the desc. */
    BDK_BDEV_EVENT_REMOVE = 1,
    /** The number of blocks has changed. */
    BDK_BDEV_EVENT_RESIZE = 2,
    /** The media asks for attention: bdk_bdev_get_media_events() says where. */
    BDK_BDEV_EVENT_MEDIA_MANAGEMENT = 3,
};

/** A range of blocks that asks for attention: its data should be moved. Frozen. */
struct bdk_bdev_media_event {
    uint64_t offset_blocks;
    uint64_t num_blocks;
};

/** [desc's thread] `type`: BDK_BDEV_EVENT_*; types that the callee does not know are to be ignored. */
typedef void (*bdk_bdev_event_cb)(uint32_t type, struct bdk_bdev* bdev, void* event_ctx);

#endif

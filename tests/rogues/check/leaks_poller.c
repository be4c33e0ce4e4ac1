/* SPDX-License-Identifier: BSD-3-Clause */
/* Leaves a poller behind with each bdev. */
#include <bdevkit/poller.h>

static int idle(void* ctx) {
    (void)ctx;
    return BDK_POLLER_IDLE;
}

#define ROGUE_CREATE(disk) bdk_poller_register(idle, NULL, 1000000, "forgotten")
#include "rogue_disk.h"

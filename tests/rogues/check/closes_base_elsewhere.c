/* SPDX-License-Identifier: BSD-3-Clause */
/* Closes its base on a thread of its own. */
#include <bdevkit/bdevkit.h>
#include <pthread.h>

static void* close_desc(void* desc) {
    bdk_bdev_close(desc);
    return NULL;
}

static void close_on_a_thread(struct bdk_bdev_desc* desc) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, close_desc, desc) == 0) pthread_join(thread, NULL);
    bdk_bdev_close(desc);
}

#define ROGUE_CLOSE(layer) close_on_a_thread((layer)->base)
#include "rogue_layer.h"

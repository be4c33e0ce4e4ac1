/* SPDX-License-Identifier: BSD-3-Clause */
/* Completes I/O on a thread of its own. */
#include <bdevkit/bdevkit.h>
#include <pthread.h>

static void* complete(void* io) {
    bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_SUCCESS);
    return NULL;
}

static void complete_on_a_thread(struct bdk_bdev_io* io) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, complete, io) == 0) pthread_join(thread, NULL);
}

#define ROGUE_SUBMIT(disk, io)                \
    if (io->type == BDK_BDEV_IO_TYPE_FLUSH) { \
        complete_on_a_thread(io);             \
        return;                               \
    }
#include "rogue_disk.h"

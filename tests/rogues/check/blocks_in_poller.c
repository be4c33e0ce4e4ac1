/* SPDX-License-Identifier: BSD-3-Clause */
/* Completes reads from a poller, which sleeps first. */
#include <bdevkit/bdevkit.h>
#include <poll.h>
#include <stdlib.h>

struct nap {
    struct bdk_bdev_io* io;
    struct bdk_poller* poller;
};

static int sleep_and_complete(void* ctx) {
    struct nap* nap = ctx;
    poll(NULL, 0, 80);
    bdk_bdev_io_complete(nap->io, BDK_BDEV_IO_STATUS_SUCCESS);
    bdk_poller_unregister(&nap->poller);
    free(nap);
    return BDK_POLLER_BUSY;
}

static void complete_later(struct bdk_bdev_io* io) {
    struct nap* nap = malloc(sizeof(*nap));
    nap->io = io;
    nap->poller = bdk_poller_register(sleep_and_complete, nap, 0, "nap");
}

#define ROGUE_SUBMIT(disk, io)                \
    if (io->type == BDK_BDEV_IO_TYPE_RESET) { \
        complete_later(io);                   \
        return;                               \
    }
#include "rogue_disk.h"

/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes to the end of its base when it is read. */
#include <bdevkit/bdevkit.h>

static char mark[512];

static void marked(struct bdk_bdev_io* io, bool success, void* arg) {
    (void)success, (void)arg;
    bdk_bdev_free_io(io);
}

#define ROGUE_SUBMIT(layer, ch, io)        \
    if (io->type == BDK_BDEV_IO_TYPE_READ) \
    bdk_bdev_write_blocks(layer->base, ch->base, mark, layer->bdev.blockcnt - 1, 1, NULL, marked, NULL)
#include "rogue_layer.h"

/* SPDX-License-Identifier: BSD-3-Clause */
/* Hides the write cache of its base, so that the core flushes nothing, and forgets FUA for zeroes. */
#include <bdevkit/bdevkit.h>

static const struct bdk_bdev_io_opts* opts_of(const struct bdk_bdev_io* io) {
    static const struct bdk_bdev_io_opts fua = {.size = sizeof(fua), .flags = BDK_BDEV_IO_FUA};
    return (io->u.bdev.flags & BDK_BDEV_IO_FUA) != 0 ? &fua : NULL;
}

#define ROGUE_WRITE_CACHE(base) false
#define ROGUE_FLAGS BDK_BDEV_FUA
#define ROGUE_TYPES BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_WRITE_ZEROES)
#define ROGUE_WRITE_OPTS(io) opts_of(io)
#define ROGUE_OTHER(layer, ch, io)                                                      \
    bdk_bdev_write_zeroes_blocks((layer)->base, (ch)->base, (io)->u.bdev.offset_blocks, \
                                 (io)->u.bdev.num_blocks, NULL, ended, io)
#include "rogue_layer.h"

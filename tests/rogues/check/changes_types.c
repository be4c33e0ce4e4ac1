/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes flushes only once it has been written to, and does not say that its types change. */
#include <bdevkit/bdevkit.h>

static bool written;

static bool supports(void* ctxt, uint32_t type) {
    (void)ctxt;
    if (type == BDK_BDEV_IO_TYPE_FLUSH) return written;
    return type == BDK_BDEV_IO_TYPE_READ || type == BDK_BDEV_IO_TYPE_WRITE;
}

#define ROGUE_FN_TABLE .io_type_supported = supports,
#define ROGUE_CREATE(disk) disk->bdev.io_type_supported = 0
#define ROGUE_MOVED(disk, io) written |= io->type == BDK_BDEV_IO_TYPE_WRITE
#include "rogue_disk.h"

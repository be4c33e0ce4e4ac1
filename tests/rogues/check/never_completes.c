/* SPDX-License-Identifier: BSD-3-Clause */
/* Forgets the I/O at one place. */
#define ROGUE_SUBMIT(disk, io) \
    if (io->type == BDK_BDEV_IO_TYPE_WRITE && io->u.bdev.offset_blocks == 1024) return
#include "rogue_disk.h"

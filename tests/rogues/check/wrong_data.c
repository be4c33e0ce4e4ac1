/* SPDX-License-Identifier: BSD-3-Clause */
/* Gives one wrong bit in the last block. */
#define ROGUE_MOVED(disk, io)                                                             \
    if (io->type == BDK_BDEV_IO_TYPE_READ && io->u.bdev.offset_blocks == disk_blocks - 1) \
    ((unsigned char*)io->u.bdev.iovs[0].iov_base)[100] ^= 1
#include "rogue_disk.h"

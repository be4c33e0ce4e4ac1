/* SPDX-License-Identifier: BSD-3-Clause */
/* Clears the block behind the blocks that are written. */
#define ROGUE_MOVED(disk, io)                                           \
    if (io->type == BDK_BDEV_IO_TYPE_WRITE &&                           \
        io->u.bdev.offset_blocks + io->u.bdev.num_blocks < disk_blocks) \
    memset(disk->data + (io->u.bdev.offset_blocks + io->u.bdev.num_blocks) * block_bytes, 0, block_bytes)
#include "rogue_disk.h"

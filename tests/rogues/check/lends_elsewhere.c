/* SPDX-License-Identifier: BSD-3-Clause */
/* Lends, for zero-copy, the memory of the block behind the one asked for. */
#define ROGUE_CREATE(disk) disk->bdev.io_type_supported |= BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_ZCOPY)
#define ROGUE_SUBMIT(disk, io)                                                                         \
    if (io->type == BDK_BDEV_IO_TYPE_ZCOPY) {                                                          \
        unsigned char* lent = disk->data + (io->u.bdev.offset_blocks + 1) % disk_blocks * block_bytes; \
        if (io->u.bdev.flags & BDK_BDEV_IO_ZCOPY_START)                                                \
            bdk_bdev_io_set_buf(io, lent, io->u.bdev.num_blocks* block_bytes);                         \
        bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_SUCCESS);                                          \
        return;                                                                                        \
    }
#include "rogue_disk.h"

/* SPDX-License-Identifier: BSD-3-Clause */
/* Claims unmap, and fails it. */
#define ROGUE_CREATE(disk) disk->bdev.io_type_supported |= BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_UNMAP)
#define ROGUE_SUBMIT(disk, io)                               \
    if (io->type == BDK_BDEV_IO_TYPE_UNMAP) {                \
        bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_FAILED); \
        return;                                              \
    }
#include "rogue_disk.h"

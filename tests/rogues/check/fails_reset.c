/* SPDX-License-Identifier: BSD-3-Clause */
/* Claims reset, and fails it while there is I/O. */
static int busy;

#define ROGUE_SUBMIT(disk, io)                                                                   \
    if (io->type == BDK_BDEV_IO_TYPE_RESET) {                                                    \
        bdk_bdev_io_complete(io, busy ? BDK_BDEV_IO_STATUS_FAILED : BDK_BDEV_IO_STATUS_SUCCESS); \
        return;                                                                                  \
    }                                                                                            \
    busy = io->u.bdev.offset_blocks > 16
#include "rogue_disk.h"

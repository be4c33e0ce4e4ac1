/* SPDX-License-Identifier: BSD-3-Clause */
/* Completes every write twice. */
#define ROGUE_MOVED(disk, io) \
    if (io->type == BDK_BDEV_IO_TYPE_WRITE) bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_SUCCESS)
#include "rogue_disk.h"

/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes no more than four pieces of data. */
#define ROGUE_SUBMIT(disk, io) \
    if (io->type == BDK_BDEV_IO_TYPE_WRITE && io->u.bdev.iovcnt > 4) io->u.bdev.iovcnt = 4
#include "rogue_disk.h"

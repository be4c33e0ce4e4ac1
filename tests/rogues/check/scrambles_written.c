/* SPDX-License-Identifier: BSD-3-Clause */
/* Changes the caller's data after they were written. */
#define ROGUE_MOVED(disk, io) \
    if (io->type == BDK_BDEV_IO_TYPE_WRITE) ((unsigned char*)io->u.bdev.iovs[0].iov_base)[0] ^= 1
#include "rogue_disk.h"

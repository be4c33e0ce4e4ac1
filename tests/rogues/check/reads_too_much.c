/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes one byte more than it was asked to read. */
#define ROGUE_MOVED(disk, io)                               \
    if (io->type == BDK_BDEV_IO_TYPE_READ)                  \
    ((unsigned char*)io->u.bdev.iovs[io->u.bdev.iovcnt - 1] \
         .iov_base)[io->u.bdev.iovs[io->u.bdev.iovcnt - 1].iov_len] = 1
#include "rogue_disk.h"

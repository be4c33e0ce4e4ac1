/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads into a buffer that is not there. */
#define ROGUE_SUBMIT(disk, io)                                           \
    if (io->type == BDK_BDEV_IO_TYPE_READ &&                             \
        (io->u.bdev.iovcnt == 0 || io->u.bdev.iovs[0].iov_base == NULL)) \
    memcpy(*(void* volatile*)&io->u.bdev.iovs[0].iov_base, disk->data, block_bytes)
#include "rogue_disk.h"

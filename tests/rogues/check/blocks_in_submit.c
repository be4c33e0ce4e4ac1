/* SPDX-License-Identifier: BSD-3-Clause */
/* Sleeps with each write. */
#include <poll.h>

#define ROGUE_SUBMIT(disk, io) \
    if (io->type == BDK_BDEV_IO_TYPE_WRITE) poll(NULL, 0, 80)
#include "rogue_disk.h"

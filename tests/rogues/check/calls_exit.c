/* SPDX-License-Identifier: BSD-3-Clause */
/* Ends the process when it is written to. */
#define ROGUE_SUBMIT(disk, io) \
    if (io->type == BDK_BDEV_IO_TYPE_WRITE) exit(3)
#include "rogue_disk.h"

/* SPDX-License-Identifier: BSD-3-Clause */
/* Says that an append went one block further on. */
#define ROGUE_MOVED(disk, io) \
    if (io->type == BDK_BDEV_IO_TYPE_ZONE_APPEND) io->u.bdev.offset_blocks++
#include "rogue_zones.h"

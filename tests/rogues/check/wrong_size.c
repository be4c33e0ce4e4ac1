/* SPDX-License-Identifier: BSD-3-Clause */
/* Has half the blocks that it says: the second half is the first again. */
#define ROGUE_CREATE(disk) disk->bdev.blockcnt *= 2
#include "rogue_disk.h"

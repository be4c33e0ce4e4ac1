/* SPDX-License-Identifier: BSD-3-Clause */
/* Keeps blocks that were read, and forgets of a write all but the first block. */
#define ROGUE_CACHE_FORGOTTEN(io) ((io)->type == BDK_BDEV_IO_TYPE_WRITE ? 1 : (io)->u.bdev.num_blocks)
#include "rogue_cache.h"

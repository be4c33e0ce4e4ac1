/* SPDX-License-Identifier: BSD-3-Clause */
/* Keeps blocks that were read, and gives them again after they were zeroed. */
#define ROGUE_CACHE_KEEPS(io) ((io)->type == BDK_BDEV_IO_TYPE_WRITE_ZEROES)
#include "rogue_cache.h"

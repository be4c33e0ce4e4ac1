/* SPDX-License-Identifier: BSD-3-Clause */
/* Keeps blocks that were read, and gives them again after an unmap has changed the base. */
#define ROGUE_CACHE_KEEPS(io) ((io)->type == BDK_BDEV_IO_TYPE_UNMAP)
#include "rogue_cache.h"

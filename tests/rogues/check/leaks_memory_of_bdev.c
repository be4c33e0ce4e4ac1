/* SPDX-License-Identifier: BSD-3-Clause */
/* Leaks some memory with each bdev that is removed. */
#include <stdlib.h>

static void* volatile lost;

#define ROGUE_DESTRUCT(disk) lost = malloc(4096)
#include "rogue_disk.h"

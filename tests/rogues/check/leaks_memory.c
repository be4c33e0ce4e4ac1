/* SPDX-License-Identifier: BSD-3-Clause */
/* Forgets some memory with each I/O. */
#include <stdlib.h>

static void* volatile lost;

#define ROGUE_SUBMIT(disk, io) lost = malloc(64)
#include "rogue_disk.h"

/* SPDX-License-Identifier: BSD-3-Clause */
/* Crashes in destruct. */
#define ROGUE_DESTRUCT(disk) *(volatile int*)disk->extra = 1
#include "rogue_disk.h"

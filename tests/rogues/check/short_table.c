/* SPDX-License-Identifier: BSD-3-Clause */
/* Its table says another size than it has. */
#define ROGUE_TABLE .size = sizeof(struct bdk_module) - sizeof(void*),
#pragma GCC diagnostic ignored "-Woverride-init"
#include "rogue_disk.h"

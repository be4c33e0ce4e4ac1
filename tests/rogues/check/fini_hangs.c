/* SPDX-License-Identifier: BSD-3-Clause */
/* Never ends its fini. */
#define ROGUE_FINI return BDK_PENDING
#include "rogue_disk.h"

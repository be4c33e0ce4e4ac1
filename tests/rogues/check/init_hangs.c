/* SPDX-License-Identifier: BSD-3-Clause */
/* Never ends its init. */
#define ROGUE_INIT return BDK_PENDING
#include "rogue_disk.h"

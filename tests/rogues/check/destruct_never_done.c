/* SPDX-License-Identifier: BSD-3-Clause */
/* Never ends its destruct. */
#define ROGUE_DESTRUCT(disk) return BDK_PENDING
#include "rogue_disk.h"

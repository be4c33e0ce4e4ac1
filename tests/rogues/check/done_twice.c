/* SPDX-License-Identifier: BSD-3-Clause */
/* Ends its init twice. */
#define ROGUE_CREATED(disk, rc) bdk_module_init_done(&bdk_own_module, 0)
#include "rogue_disk.h"

/* SPDX-License-Identifier: BSD-3-Clause */
/* Goes without unregistering its io_device. */
#define ROGUE_DESTRUCT(disk) return 0
#include "rogue_disk.h"

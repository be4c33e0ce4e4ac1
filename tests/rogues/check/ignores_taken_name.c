/* SPDX-License-Identifier: BSD-3-Clause */
/* Says that it has made a bdev when the name was taken. */
#define ROGUE_CREATED(disk, rc) \
    if (rc == -EEXIST) return 0
#include "rogue_disk.h"

/* SPDX-License-Identifier: BSD-3-Clause */
/* Says that it takes FUA, and writes to its base without. */
#define ROGUE_FLAGS BDK_BDEV_FUA
#include "rogue_layer.h"

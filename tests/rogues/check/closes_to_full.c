/* SPDX-License-Identifier: BSD-3-Clause */
/* A zone that is closed is full. */
#define ROGUE_CLOSED BDK_BDEV_ZONE_STATE_FULL
#include "rogue_zones.h"

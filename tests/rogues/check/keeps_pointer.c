/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes, and leaves the write pointer where it is in its reports. */
#define ROGUE_TOLD(zone, info) \
    if (info.state != BDK_BDEV_ZONE_STATE_FULL) info.write_pointer = zone->first
#include "rogue_zones.h"

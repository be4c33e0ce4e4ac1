/* SPDX-License-Identifier: BSD-3-Clause */
/* Tells of zones that can hold more than they are long. */
#define ROGUE_TOLD(zone, info) info.capacity = zone_blocks + 1
#include "rogue_zones.h"

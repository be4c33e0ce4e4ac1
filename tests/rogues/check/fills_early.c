/* SPDX-License-Identifier: BSD-3-Clause */
/* Zones hold less than they say. */
#define ROGUE_CAPACITY (zone_capacity - 8)
#include "rogue_zones.h"

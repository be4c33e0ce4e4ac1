/* SPDX-License-Identifier: BSD-3-Clause */
/* Opens more zones than it says that it can. */
#define ROGUE_MOST_OPEN zone_count
#include "rogue_zones.h"

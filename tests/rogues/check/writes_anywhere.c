/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes writes to a zone wherever they go. */
#define ROGUE_PLACE(zone, block) 1
#include "rogue_zones.h"

/* SPDX-License-Identifier: BSD-3-Clause */
/* A reset succeeds, and changes nothing. */
#define ROGUE_RESET(zone)
#include "rogue_zones.h"

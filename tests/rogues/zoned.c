/* SPDX-License-Identifier: BSD-3-Clause */
/* A disk of zones that breaks no rule. */
#include "check/rogue_zones.h"

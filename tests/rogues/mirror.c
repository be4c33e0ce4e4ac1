/* SPDX-License-Identifier: BSD-3-Clause */
/* No rogue: the same on both bases, and on the one that is left. */
#define PAIR_MIRRORS
#include "check/rogue_pair.h"

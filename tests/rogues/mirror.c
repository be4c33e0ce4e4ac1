/* SPDX-License-Identifier: BSD-3-Clause */
/* Not a rogue: keeps the same data on both bases, and on the remaining one when a base is removed. */
#define PAIR_MIRRORS
#include "check/rogue_pair.h"

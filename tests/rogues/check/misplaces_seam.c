/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes the place where the second base begins from its size, not from that of the first. */
#define PAIR_SEAM(pair) (pair)->blocks[1]
#include "rogue_pair.h"

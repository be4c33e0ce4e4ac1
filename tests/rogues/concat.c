/* SPDX-License-Identifier: BSD-3-Clause */
/* No rogue: one base behind the other. */
#include "check/rogue_pair.h"

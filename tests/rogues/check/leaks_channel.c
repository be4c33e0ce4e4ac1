/* SPDX-License-Identifier: BSD-3-Clause */
/* Does not put the channels of its base. */
#define ROGUE_PUT(ch)
#include "rogue_layer.h"

/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes to its base without a claim. */
#define ROGUE_WRITABLE true
#define ROGUE_CLAIM(layer) 0
#define ROGUE_RELEASE(layer)
#include "rogue_layer.h"

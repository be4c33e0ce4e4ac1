/* SPDX-License-Identifier: BSD-3-Clause */
/* Does not give the claim on its base back. */
#define ROGUE_RELEASE(layer)
#include "rogue_layer.h"

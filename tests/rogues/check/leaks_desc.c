/* SPDX-License-Identifier: BSD-3-Clause */
/* Does not close its base. */
#define ROGUE_CLOSE(layer)
#include "rogue_layer.h"

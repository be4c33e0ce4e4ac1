/* SPDX-License-Identifier: BSD-3-Clause */
/* Stays when its base is removed. */
#define ROGUE_EVENT(layer) (void)layer
#include "rogue_layer.h"

/* SPDX-License-Identifier: BSD-3-Clause */
/* Forgets an I/O for which its base had no bdev_io. */
#define ROGUE_NO_MEMORY(layer, ch, io) (void)io
#include "rogue_layer.h"

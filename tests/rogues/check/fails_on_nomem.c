/* SPDX-License-Identifier: BSD-3-Clause */
/* Fails an I/O for which its base had no bdev_io. */
#define ROGUE_NO_MEMORY(layer, ch, io) bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_FAILED)
#include "rogue_layer.h"

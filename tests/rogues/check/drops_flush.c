/* SPDX-License-Identifier: BSD-3-Clause */
/* Reports a flush as done without flushing its base. */
#define ROGUE_SUBMIT(layer, ch, io)                           \
    if (io->type == BDK_BDEV_IO_TYPE_FLUSH) {                 \
        bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_SUCCESS); \
        return;                                               \
    }
#include "rogue_layer.h"

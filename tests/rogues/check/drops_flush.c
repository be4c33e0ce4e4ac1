/* SPDX-License-Identifier: BSD-3-Clause */
/* Says that it has flushed, and its base has not. */
#define ROGUE_SUBMIT(layer, ch, io)                           \
    if (io->type == BDK_BDEV_IO_TYPE_FLUSH) {                 \
        bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_SUCCESS); \
        return;                                               \
    }
#include "rogue_layer.h"

/* SPDX-License-Identifier: BSD-3-Clause */
/* Says that all is well when its base has failed. */
#define ROGUE_ENDED(io, base_io, success) bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_SUCCESS)
#include "rogue_layer.h"

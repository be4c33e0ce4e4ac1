/* SPDX-License-Identifier: BSD-3-Clause */
/* Claims write zeroes, and does nothing. */
#define ROGUE_CREATE(disk) disk->bdev.io_type_supported |= BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_WRITE_ZEROES)
#include "rogue_disk.h"

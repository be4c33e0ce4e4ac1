// SPDX-License-Identifier: BSD-3-Clause
// Lets an exception out of submit_request that is no std::exception.
#define ROGUE_SUBMIT(disk, io) \
    if (io->type == BDK_BDEV_IO_TYPE_WRITE) throw 42
#include "rogue_disk.h"

// SPDX-License-Identifier: BSD-3-Clause
// Lets an exception out of submit_request.
#include <stdexcept>
#define ROGUE_SUBMIT(disk, io) \
    if (io->type == BDK_BDEV_IO_TYPE_READ) throw std::runtime_error("thrown by submit_request")
#include "rogue_disk.h"

// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "bdev/bdev_io.hpp"

namespace bdk {

/// Gives back the buffer that bdk_bdev_io_get_buf() took for the I/O.
void release_own_buf(BdevIo* io);

}  // namespace bdk

// SPDX-License-Identifier: BSD-3-Clause
// The slow path of an I/O at a layer: it may have to wait, the core may do some or all of the work, and what
// is left goes to the module.
#pragma once

#include "bdev/model/bdev_io.hpp"

namespace bdk {

/// [I/O's thread] The first part: for a reset or an abort, which are the core's to carry out; for any other
/// I/O, the question whether it has to wait. The I/O is at its layer, and the core has it.
void io_admit(BdevIo* io);

/// [I/O's thread] The second part, for an I/O that need not wait, or no longer: the steps of the core that
/// its type and the bdev ask for, else the module.
void io_proceed(BdevIo* io);

}  // namespace bdk

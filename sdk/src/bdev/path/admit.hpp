// SPDX-License-Identifier: BSD-3-Clause
// The slow path of an I/O at a layer. The I/O may have to wait, the core may do some or all of the work, and
// the rest goes to the module.
#pragma once

#include "bdev/model/bdev_io.hpp"

namespace bdk {

/// [I/O's thread] The first part: carries out a reset or an abort, which are the core's task; for any other
/// I/O, decides whether it has to wait. The I/O is at its layer, and the core holds it.
void io_admit(BdevIo* io);

/// [I/O's thread] The second part, for an I/O that does not have to wait, or has waited. Runs the steps of
/// the core that its type and the bdev need; if there are none, sends it to the module.
void io_proceed(BdevIo* io);

}  // namespace bdk

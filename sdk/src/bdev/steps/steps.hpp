// SPDX-License-Identifier: BSD-3-Clause
// The work that the core does on an I/O before its module sees it, or instead of the module. Each step makes
// the I/O a parent and passes the work on to children (path/parent.hpp). The children come here again, from
// the whole down to the smallest piece.
#pragma once

#include "bdev/model/bdev_io.hpp"

namespace bdk {

/// [I/O's thread] Begins the first step that the I/O needs. False: it needs none, and can go to the module.
bool begin_step(BdevIo* io);

}  // namespace bdk

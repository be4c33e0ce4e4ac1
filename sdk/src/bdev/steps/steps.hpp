// SPDX-License-Identifier: BSD-3-Clause
// What the core does to an I/O before its module sees it, or instead. Each step makes a parent of the I/O and
// hands on to children (path/parent.hpp), which come here again: from the whole to the smallest piece.
#pragma once

#include "bdev/model/bdev_io.hpp"

namespace bdk {

/// [I/O's thread] Begins the first step that the I/O needs. False: it needs none, and is ready for the
/// module.
bool begin_step(BdevIo* io);

}  // namespace bdk

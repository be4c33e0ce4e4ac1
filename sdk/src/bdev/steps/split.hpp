// SPDX-License-Identifier: BSD-3-Clause
// Splitting: an I/O that exceeds its bdev's limits becomes several that fit.
#pragma once

#include "bdev/model/bdev_io.hpp"

namespace bdk {

/// True if the module cannot take the I/O as it is, but in pieces or with its data cut differently.
bool needs_split(const BdevIo* io);

/// True if the data are in more or longer iovecs than the module takes.
bool has_wrong_segments(const BdevIo* io);

void split_start(BdevIo* io);

}  // namespace bdk

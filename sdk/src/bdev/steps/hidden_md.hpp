// SPDX-License-Identifier: BSD-3-Clause
// I/O without metadata on a bdev whose blocks have metadata: I/O on a desc that hides metadata, and zeroes
// that need protection information (PI). The blocks go through a buffer of the core in pieces, one after the
// other. PI is inserted on the way down, and checked and stripped on the way up.
#pragma once

#include "bdev/model/bdev_io.hpp"

namespace bdk {

/// True for a user's I/O with data on a channel of a desc that hides metadata.
bool needs_metadata(const BdevIo* io);

/// Starts a read, write, compare, compare-and-write or write of zeroes.
void metadata_start(BdevIo* io);

}  // namespace bdk

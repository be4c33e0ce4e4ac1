// SPDX-License-Identifier: BSD-3-Clause
// I/O of data alone on a bdev whose blocks have more: a desc that hides metadata, and zeroes that need
// protection information (PI). The blocks go through a buffer of the core's, in pieces, one after the other:
// PI is inserted on the way down, checked and stripped on the way up.
#pragma once

#include "bdev/model/bdev_io.hpp"

namespace bdk {

/// True for a user's I/O that has data, on a channel of a desc that hides metadata.
bool needs_metadata(const BdevIo* io);

/// Reads, writes, compares, compares and writes, or writes zeroes.
void metadata_start(BdevIo* io);

}  // namespace bdk

// SPDX-License-Identifier: BSD-3-Clause
// Decides which I/O has to wait before the core and the module do anything with it.
#pragma once

#include "bdev/model/bdev_io.hpp"

namespace bdk {

/// [channel's thread] True if the I/O may go on at its layer. False: it waits for the end of a reset, for
/// blocks that are being written, for a quiesced range or for tokens of a rate limit; or it has ended.
bool admit(BdevIo* io);

/// [channel's thread] Takes out an I/O that waits for tokens, for blocks or, if it is a reset, for an earlier
/// reset. False: it waits for none of these.
bool take_out_of_wait(BdevIo* io);

}  // namespace bdk

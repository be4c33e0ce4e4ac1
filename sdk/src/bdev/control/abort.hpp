// SPDX-License-Identifier: BSD-3-Clause
// Abort (bdk_bdev_abort()).
#pragma once

#include <bdevkit/bdev_io.h>
#include <bdevkit/desc.h>

namespace bdk {

struct BdevChannel;
struct BdevIo;

/// [channel's thread] Carries an abort out: ends its target where the core has it, or asks the module. The
/// abort is at its layer, and the core has it.
void abort_start(BdevIo* io);

/// [channel's thread] Sends `abort`, a bdev_io that was taken from the pool, after the target, an I/O that
/// was submitted on `ch`. It completes when the target has ended, or cannot be aborted.
void abort_launch(BdevIo* abort, BdevChannel* ch, BdevIo* target, bdk_bdev_io_completion_cb cb, void* cb_arg);

}  // namespace bdk

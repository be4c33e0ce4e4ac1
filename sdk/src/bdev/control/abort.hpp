// SPDX-License-Identifier: BSD-3-Clause
// The step of an abort that others take as well.
#pragma once

#include <bdevkit/bdev_io.h>
#include <bdevkit/desc.h>

namespace bdk {

struct BdevChannel;
struct BdevIo;

/// [channel's thread] Sends `abort`, a bdev_io that was taken from the pool, after the target, an I/O that
/// was submitted on `ch`. It completes when the target has ended, or cannot be aborted.
void abort_launch(BdevIo* abort, BdevChannel* ch, BdevIo* target, bdk_bdev_io_completion_cb cb, void* cb_arg);

}  // namespace bdk

// SPDX-License-Identifier: BSD-3-Clause
// Abort (bdk_bdev_abort()).
#pragma once

#include <bdevkit/bdev_io.h>
#include <bdevkit/desc.h>

namespace bdk {

struct BdevChannel;
struct BdevIo;

/// [channel's thread] Carries out an abort that the core holds at its layer: ends the target where the core
/// has it, or asks the module.
void abort_start(BdevIo* io);

/// [channel's thread] Sends `abort`, a bdev_io from the pool, after the target, an I/O that was submitted on
/// `ch`. The abort completes when the target has ended or turns out not to be abortable.
void abort_launch(BdevIo* abort, BdevChannel* ch, BdevIo* target, bdk_bdev_io_completion_cb cb, void* cb_arg);

}  // namespace bdk

// SPDX-License-Identifier: BSD-3-Clause
// The removal of a bdev. It is removed once its last desc has been closed and its descs have been told.
#pragma once

#include "bdev/model/bdev.hpp"

namespace bdk {

/// [any thread, bdev's mutex held] True if the bdev is being removed and has no desc left: destruct_bdev() is
/// the caller's then. If not, the caller must not touch the bdev once the mutex is released:
/// another thread may close the last desc.
bool begins_destruct(Bdev* bdev) noexcept;
/// [any thread] Calls destruct, on the app thread.
void destruct_bdev(Bdev* bdev);

}  // namespace bdk

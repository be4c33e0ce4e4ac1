// SPDX-License-Identifier: BSD-3-Clause
// The removal of a bdev. It ends once the descs have been told of the removal and the last of them is closed.
#pragma once

#include "bdev/model/bdev.hpp"

namespace bdk {

/// [any thread, bdev's mutex held] True if the bdev is being removed and has no desc left: the caller then
/// has to call destruct_bdev(). If false, the caller must not touch the bdev after the mutex is released,
/// because another thread may close the last desc.
bool begins_destruct(Bdev* bdev) noexcept;
/// [any thread] Calls destruct, on the app thread.
void destruct_bdev(Bdev* bdev);

}  // namespace bdk

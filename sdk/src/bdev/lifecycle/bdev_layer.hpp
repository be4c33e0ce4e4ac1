// SPDX-License-Identifier: BSD-3-Clause
// Start and end of the bdev layer.
#pragma once

#include <cstdint>
#include <functional>
#include <set>

#include "bdev/model/bdev.hpp"
#include "bdev/model/bdev_options.hpp"

namespace bdk {

/// [app thread] Makes the layer ready for bdk_bdev_register(). done(0) or done(negative errno).
void bdev_layer_start(const BdevOptions& options, const std::function<void(int)>& done);

/// [app thread] Unregisters every remaining bdev, top-down, and ends the layer. done(-ETIMEDOUT): a desc was
/// never closed; the log names its bdev.
void bdev_layer_stop(std::function<void(int)> done);

/// [app thread] Chooses the next bdev to remove when all are removed: the newest one that is not open. If all
/// are open: nullptr while one is already being removed, else the newest. nullptr also if there is none.
/// @param stuck  serials of bdevs that are skipped
Bdev* next_to_go(const std::set<uint64_t>& stuck);

}  // namespace bdk

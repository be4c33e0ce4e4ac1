// SPDX-License-Identifier: BSD-3-Clause
// Start and end of the bdev layer.
#pragma once

#include <functional>

#include "bdev/bdev_options.hpp"

namespace bdk {

/// [app thread] Makes the layer ready for bdk_bdev_register(). done(0) or done(negative errno).
void bdev_layer_start(const BdevOptions& options, const std::function<void(int)>& done);

/// [app thread] Unregisters every bdev that is left, top-down, and ends the layer. done(-ETIMEDOUT): a desc
/// was never closed; the log names its bdev.
void bdev_layer_stop(std::function<void(int)> done);

/// [any thread] The options in force.
const BdevOptions& bdev_options();

}  // namespace bdk

// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "module/module_registry.hpp"
#include "stack/stack.hpp"

namespace bdevkit::host {

/// [app thread] Sets the rate limits of the bdev from the stack, if any; done(0) when they are in effect.
void apply_qos(const BdevSpec& bdev, bdk::Done done);

}  // namespace bdevkit::host

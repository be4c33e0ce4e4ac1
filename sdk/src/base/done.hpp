// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <functional>

namespace bdk {

/// Ends an asynchronous operation with 0 or a negative errno. Called on the app thread, once.
using Done = std::function<void(int rc)>;

}  // namespace bdk

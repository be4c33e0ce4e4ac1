// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <functional>
#include <utility>

namespace bdk {

/// Ends an asynchronous operation with 0 or a negative errno. Called on the app thread, once.
using Done = std::function<void(int rc)>;

/// Calls `kept`, unless it is empty, and empties it. The call is from a copy, because the owner of `kept` may
/// be destroyed meanwhile.
inline void finish(Done& kept, int rc) {
    if (!kept) return;
    const Done done = std::exchange(kept, nullptr);
    done(rc);
}

}  // namespace bdk

// SPDX-License-Identifier: BSD-3-Clause
// The processor cores that this process may use.
#pragma once

#include <sched.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/export.hpp"

namespace bdk {

/// The cores of the affinity mask of the calling pthread, ascending.
BDK_INTERNAL std::vector<uint32_t> available_cores();

/// "0,1,5".
BDK_INTERNAL std::string format_cores(const std::vector<uint32_t>& cores);

/// Why the calling pthread cannot run on the core; empty when it can.
BDK_INTERNAL std::string why_unavailable(uint32_t core);

/// Restores the affinity mask of the calling pthread at the end of the scope.
class AffinityGuard {
public:
    AffinityGuard() noexcept { valid_ = sched_getaffinity(0, sizeof(saved_), &saved_) == 0; }
    ~AffinityGuard() {
        if (valid_) sched_setaffinity(0, sizeof(saved_), &saved_);
    }
    AffinityGuard(const AffinityGuard&) = delete;
    AffinityGuard& operator=(const AffinityGuard&) = delete;

private:
    cpu_set_t saved_{};
    bool valid_ = false;
};

}  // namespace bdk

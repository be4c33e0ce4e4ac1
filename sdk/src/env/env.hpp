// SPDX-License-Identifier: BSD-3-Clause
// DPDK's environment layer, started once per process and kept for its life: it cannot be started twice.
#pragma once

#include <string>
#include <tl/expected.hpp>

#include "base/export.hpp"
#include "env/env_options.hpp"

namespace bdk {

/// [not a bdk thread] Starts the environment, or checks that the running one fits `options`. The caller's
/// affinity stays as it is. The error says what to do.
BDK_INTERNAL tl::expected<void, std::string> env_init(const EnvOptions& options);

/// [any thread] True when memory comes from hugepages.
BDK_INTERNAL bool env_uses_hugepages();

}  // namespace bdk

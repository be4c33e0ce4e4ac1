// SPDX-License-Identifier: BSD-3-Clause
// The core's state of a module.
#pragma once

#include <bdevkit/module.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace bdk {

struct ModuleState {
    const bdk_module* original;        ///< the plugin's own table, which it passes to the host
    bdk_module table;                  ///< a copy, zero beyond the plugin's `size`
    bool ready = false;                ///< init has succeeded
    std::function<void(int)> pending;  ///< the init or fini under way
    uint64_t pending_call = 0;         ///< likewise: see pending_calls.hpp
};

/// [app thread] The modules whose init has succeeded, in that order.
std::vector<ModuleState*> module_states();

/// [app thread] The state of a plugin's table, or nullptr.
ModuleState* module_state(const bdk_module* original);

/// [app thread] The module's get_ctx_size(), or 0.
uint32_t module_ctx_size(const bdk_module* original);

}  // namespace bdk

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
    uint32_t abi_minor;                ///< that the plugin was built for
    bdk_module table;                  ///< a copy, zero beyond the plugin's `size`
    bool ready = false;                ///< init has succeeded
    std::function<void(int)> pending;  ///< ends the init or fini under way
    uint64_t pending_call = 0;         ///< its number: see pending_calls.hpp
};

/// [app thread] Adds a module before its init. Throws std::bad_alloc.
void add_module_state(std::unique_ptr<ModuleState> state);

/// [app thread] Forgets a module that is removed, or whose init has failed.
void forget_module_state(const bdk_module* original);

/// [app thread] True if a module has that name, ready or not.
bool is_module_name_in_use(const char* name);

/// [app thread] The modules whose init has succeeded, in the order in which they were added.
std::vector<ModuleState*> module_states();

/// [app thread] The state of a plugin's table, or nullptr.
ModuleState* module_state(const bdk_module* original);

/// [app thread] The minor of the ABI that the bdev's module was built for.
uint32_t module_abi_minor(const bdk_bdev& bdev);

/// [app thread] The get_ctx_size() of the bdev's module, or 0.
uint32_t module_ctx_size(const bdk_bdev& bdev);

}  // namespace bdk

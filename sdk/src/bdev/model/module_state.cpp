// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/model/module_state.hpp"

#include <bdevkit/bdev_module.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace bdk {

namespace {

/// In the order in which they were added.
std::vector<std::unique_ptr<ModuleState>>& all() {
    static std::vector<std::unique_ptr<ModuleState>> instance;
    return instance;
}

}  // namespace

void add_module_state(std::unique_ptr<ModuleState> state) {
    all().push_back(std::move(state));
}

void forget_module_state(const bdk_module* original) {
    std::erase_if(all(), [&](const auto& state) { return state->original == original; });
}

bool is_module_name_in_use(const char* name) {
    return std::ranges::any_of(all(),
                               [&](const auto& state) { return std::strcmp(state->table.name, name) == 0; });
}

std::vector<ModuleState*> module_states() {
    std::vector<ModuleState*> ready;
    for (const auto& state : all())
        if (state->ready) ready.push_back(state.get());
    return ready;
}

ModuleState* module_state(const bdk_module* original) {
    for (const auto& state : all())
        if (state->original == original) return state.get();
    return nullptr;
}

uint32_t module_abi_minor(const bdk_bdev& bdev) {
    const ModuleState* state = module_state(bdev.module);
    return state == nullptr ? BDK_ABI_MINOR : state->abi_minor;
}

uint32_t module_ctx_size(const bdk_bdev& bdev) {
    const ModuleState* state = module_state(bdev.module);
    if (state == nullptr || state->table.get_ctx_size == nullptr) return 0;
    return state->table.get_ctx_size(state->original, &bdev);
}

}  // namespace bdk

// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/model/module_state.hpp"

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

uint32_t module_ctx_size(const bdk_module* original) {
    const ModuleState* state = module_state(original);
    return state == nullptr || state->table.get_ctx_size == nullptr ? 0 : state->table.get_ctx_size();
}

}  // namespace bdk

// SPDX-License-Identifier: BSD-3-Clause
#include "loader/module_list.hpp"

#include <algorithm>

namespace bdevkit::host {

const ModuleInfo* ModuleList::find(std::string_view name) const {
    const auto found =
        std::ranges::find_if(modules_, [&](const ModuleInfo* module) { return module->name == name; });
    return found == modules_.end() ? nullptr : *found;
}

std::vector<std::string> ModuleList::names() const {
    std::vector<std::string> result;
    for (const ModuleInfo* module : modules_)
        result.push_back(module->name);
    return result;
}

std::vector<std::string> ModuleList::examining() const {
    std::vector<std::string> result;
    for (const ModuleInfo* module : modules_)
        if (examines(*module)) result.push_back(module->name);
    return result;
}

}  // namespace bdevkit::host

// SPDX-License-Identifier: BSD-3-Clause
#include "loader/plugin_modules.hpp"

#include "loader/plugin_loader.hpp"

namespace bdevkit::host {

const ModuleInfo* PluginModules::find(std::string_view name) const {
    const auto plugin = loader_.open(name);
    return plugin ? &(*plugin)->info : nullptr;
}

std::string PluginModules::why_refused(std::string_view name) const {
    const Plugin* plugin = loader_.find_refused(name);
    return plugin == nullptr ? std::string() : plugin->path.native() + ": " + plugin->reason;
}

std::vector<std::string> PluginModules::names() const {
    std::vector<std::string> result;
    for (const Plugin& plugin : loader_.plugins())
        if (plugin.is_there() && !plugin.module_name.empty()) result.push_back(plugin.module_name);
    return result;
}

std::vector<std::string> PluginModules::examining() const {
    std::vector<std::string> result;
    for (const Plugin& plugin : loader_.plugins())
        if (plugin.is_there() && plugin.examines && !plugin.module_name.empty())
            result.push_back(plugin.module_name);
    return result;
}

}  // namespace bdevkit::host

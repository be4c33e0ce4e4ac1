// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "loader/module_source.hpp"

namespace bdevkit::host {

class PluginLoader;

/// The modules of a loader that has discovered.
class PluginModules final : public ModuleSource {
public:
    /// @param loader  outlives this
    explicit PluginModules(PluginLoader& loader) : loader_(loader) {}

    const ModuleInfo* find(std::string_view name) const override;
    std::string why_refused(std::string_view name) const override;
    std::vector<std::string> names() const override;
    std::vector<std::string> examining() const override;

private:
    PluginLoader& loader_;
};

}  // namespace bdevkit::host

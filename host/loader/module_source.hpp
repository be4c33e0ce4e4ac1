// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "loader/module_info.hpp"

namespace bdevkit::host {

/// The modules that a stack may name. Only find() may open a plugin.
class ModuleSource {
public:
    virtual ~ModuleSource() = default;

    /// [main thread] The module of that name, or nullptr.
    virtual const ModuleInfo* find(std::string_view name) const = 0;
    /// [main thread] After a find() without result: one line that says why the plugin was refused; empty: no
    /// such plugin exists.
    virtual std::string why_refused(std::string_view name) const = 0;
    /// [main thread] The names of all modules, for suggestions.
    virtual std::vector<std::string> names() const = 0;
    /// [main thread] The names of the modules that examine, for suggestions.
    virtual std::vector<std::string> examining() const = 0;
};

}  // namespace bdevkit::host

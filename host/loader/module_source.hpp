// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "loader/module_info.hpp"

namespace bdevkit::host {

/// The modules that a stack may name. To ask for one may open its plugin; nothing else does.
class ModuleSource {
public:
    virtual ~ModuleSource() = default;

    /// [main thread] The module of that name, or nullptr.
    virtual const ModuleInfo* find(std::string_view name) const = 0;
    /// [main thread] After a find() without result: why the plugin was refused, in one line; empty: there is
    /// no such plugin.
    virtual std::string why_refused(std::string_view name) const = 0;
    /// [main thread] The names of all, for suggestions.
    virtual std::vector<std::string> names() const = 0;
    /// [main thread] The names of those that examine, for suggestions.
    virtual std::vector<std::string> examining() const = 0;
};

}  // namespace bdevkit::host

// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <bdevkit/option.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "loader/module_info.hpp"

namespace bdevkit::host {

/// The options of a module (checked by loader/module_info.hpp) or of a section of the stack file.
struct OptionTable {
    std::span<const bdk_option> options;
    size_t struct_size = 0;

    const bdk_option* find(std::string_view name) const;
    std::vector<std::string> names() const;
};

/// A table of the module's options. The module must outlive it.
OptionTable option_table_of(const ModuleInfo& module);

/// A table of the method's parameters. The method must outlive it.
OptionTable option_table_of(const MethodInfo& method);

/// "size", "list of bdev": for help and listings.
std::string option_type_name(const bdk_option& option);

/// A description of a valid value: "a size such as 64MiB", "one of poll, interrupt".
std::string option_expectation(const bdk_option& option);

/// "at least 512, at most 1MiB" in the units of the type; empty without bounds.
std::string option_range(const bdk_option& option);

/// The values of an enum.
std::vector<std::string> option_enum_values(const bdk_option& option);

inline bool is_required(const bdk_option& option) {
    return (option.flags & BDK_OPTION_REQUIRED) != 0;
}
inline bool is_list(const bdk_option& option) {
    return (option.flags & BDK_OPTION_LIST) != 0;
}
inline bool is_secret(const bdk_option& option) {
    return (option.flags & BDK_OPTION_SECRET) != 0;
}

}  // namespace bdevkit::host

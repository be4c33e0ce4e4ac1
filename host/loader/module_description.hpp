// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <deque>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "loader/module_info.hpp"

namespace bdevkit::host {

/// The description of a module that one process sends to another. Invalid UTF-8 is replaced when the JSON is
/// written.
nlohmann::json describe_module(const ModuleInfo& info);

/// A ModuleInfo without an open plugin. It owns the strings of its options; its table has no usable
/// callbacks.
class ModuleDescription {
public:
    /// @param json made by describe_module(). Throws nlohmann::json::exception for other JSON.
    explicit ModuleDescription(const nlohmann::json& json);
    ModuleDescription(const ModuleDescription&) = delete;
    ModuleDescription& operator=(const ModuleDescription&) = delete;

    const ModuleInfo& info() const { return info_; }

private:
    const char* keep(const nlohmann::json& text);
    bdk_option option(const nlohmann::json& json);
    std::vector<bdk_option> options(const nlohmann::json& json);

    std::deque<std::string> strings_;               ///< with stable addresses
    std::deque<std::vector<const char*>> choices_;  ///< the values of enums
    bdk_module table_{};
    ModuleInfo info_;
};

}  // namespace bdevkit::host

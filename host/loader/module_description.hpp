// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <deque>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "loader/module_info.hpp"

namespace bdevkit::host {

/// What a module says of itself, as one process tells it to another. Text that is not UTF-8 is replaced when
/// the JSON is written.
nlohmann::json describe_module(const ModuleInfo& info);

/// A ModuleInfo without a plugin behind it. It owns the strings of its options; its table has no callbacks
/// that could be called.
class ModuleDescription {
public:
    /// @param json  of describe_module(). Throws nlohmann::json::exception when it is anything else.
    explicit ModuleDescription(const nlohmann::json& json);
    ModuleDescription(const ModuleDescription&) = delete;
    ModuleDescription& operator=(const ModuleDescription&) = delete;

    const ModuleInfo& info() const { return info_; }

private:
    const char* keep(const nlohmann::json& text);
    bdk_option option(const nlohmann::json& json);
    std::vector<bdk_option> options(const nlohmann::json& json);

    std::deque<std::string> strings_;               ///< they stay where they are
    std::deque<std::vector<const char*>> choices_;  ///< of enums
    bdk_module table_{};
    ModuleInfo info_;
};

}  // namespace bdevkit::host

// SPDX-License-Identifier: BSD-3-Clause
// A module table read safely: a plugin may be older or newer than this host, so its structs may be shorter or
// longer than ours.
#pragma once

#include <bdevkit/method.h>
#include <bdevkit/module.h>
#include <bdevkit/option.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace bdevkit::host {

/// A method of a module.
struct MethodInfo {
    bdk_method method{};  ///< a copy, zero beyond the plugin's own; its strings are the plugin's
    std::string name;
    std::string help;
    std::vector<bdk_option> params;
};

/// How a module names the bdevs that its create makes, when it makes several: `p0` is "p" and 0.
struct PartSuffix {
    std::string letters;
    uint32_t first = 0;
};

/// What a module says of itself, copied. Fields that the plugin does not have are empty or zero.
struct ModuleInfo {
    const bdk_module* module = nullptr;  ///< the plugin's own table, valid while its file is open
    uint32_t abi_minor = 0;
    std::string name;
    std::string version;
    std::string description;
    std::string author;
    std::string license;
    bool has_create = false;          ///< false: it makes its bdevs by examination alone
    std::vector<bdk_option> options;  ///< its strings are the plugin's, valid while its file is open
    uint32_t options_struct_size = 0;
    std::vector<MethodInfo> methods;
    std::optional<PartSuffix> parts;  ///< without it, create makes one bdev

    /// The method of that name, or nullptr.
    const MethodInfo* find_method(std::string_view method) const;
};

/// [any thread] Reads and checks a table. The error says what is wrong with it, for the plugin's author.
tl::expected<ModuleInfo, std::string> read_module(const bdk_module& module);

/// [any thread] Whether the module looks at bdevs as they appear, and so may make some that no file names.
bool examines(const ModuleInfo& module);

/// [any thread] The refusal of a plugin with another ABI major.
std::string wrong_abi_message(uint32_t abi_major, uint32_t abi_minor);

/// [any thread] Bytes that a value of a BDK_OPTION_* type takes in the options struct; 0 for an unknown type.
uint32_t option_value_size(uint32_t type, uint32_t flags);

}  // namespace bdevkit::host

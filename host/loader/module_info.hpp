// SPDX-License-Identifier: BSD-3-Clause
// Reads a module table safely: a plugin may be older or newer than this host, so its structs may be shorter
// or longer than ours.
#pragma once

#include <bdevkit/method.h>
#include <bdevkit/module.h>
#include <bdevkit/option.h>
#include <bdevkit/plugin.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace bdevkit::host {

/// A method of a module.
struct MethodInfo {
    bdk_method method{};  ///< a copy; fields that the plugin's struct lacks are zero; the strings belong to
                          ///< the plugin
    std::string name;
    std::string help;
    std::vector<bdk_option> params;
};

/// The suffix of a module that creates several bdevs at a time: `p0` is "p" and 0.
struct PartSuffix {
    std::string letters;
    uint32_t first = 0;
};

/// A copy of a module's table. Fields that the plugin does not have are empty or zero.
struct ModuleInfo {
    const bdk_module* module = nullptr;  ///< the plugin's own table, valid while its file is open
    uint32_t abi_minor = 0;
    std::string name;
    std::string version;
    std::string description;
    std::string author;
    std::string license;
    bool has_create = false;  ///< false: it makes bdevs only by examination
    std::vector<bdk_option>
        options;  ///< the strings belong to the plugin and are valid while its file is open
    uint32_t options_struct_size = 0;
    std::vector<MethodInfo> methods;
    std::optional<PartSuffix> parts;  ///< if empty, create makes one bdev

    /// The method of that name, or nullptr.
    const MethodInfo* find_method(std::string_view method) const;
};

/// [any thread] "1.0 draft 2", or "1.0" if the draft is 0.
std::string abi_text(uint32_t abi_major, uint32_t abi_minor, uint32_t abi_draft);

/// [any thread] Reads and checks a table. The error names the fault, for the plugin's author.
/// @param abi_minor  that the plugin was built for
tl::expected<ModuleInfo, std::string> read_module(const bdk_module& module,
                                                  uint32_t abi_minor = BDK_ABI_MINOR);

/// [any thread] Reads and checks a plugin's list and the tables in it. The error names the fault, as above.
tl::expected<std::vector<ModuleInfo>, std::string> read_plugin(const bdk_plugin& plugin);

/// [any thread] Whether the module examines new bdevs, and so may make bdevs that the stack file does not
/// name.
bool examines(const ModuleInfo& module);

/// [any thread] Why a plugin of that ABI is refused; empty: it is not.
std::string why_wrong_abi(uint32_t abi_major, uint32_t abi_minor, uint32_t abi_draft);

/// [any thread] The size in bytes of a BDK_OPTION_* type in the options struct; 0 for an unknown type.
uint32_t option_value_size(uint32_t type, uint32_t flags);

}  // namespace bdevkit::host

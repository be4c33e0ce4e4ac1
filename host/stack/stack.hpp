// SPDX-License-Identifier: BSD-3-Clause
// A stack, checked and ready to be built: what a stack file says.
#pragma once

#include <bdevkit/qos.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "frontends/nbd/nbd_config.hpp"
#include "loader/module_info.hpp"
#include "runtime/runtime.hpp"
#include "stack/node.hpp"
#include "stack/option_value.hpp"
#include "stack/problem.hpp"

namespace bdevkit::host {

/// The `plugins:` section.
struct PluginSettings {
    std::vector<std::filesystem::path> path;
    std::vector<std::pair<std::string, Location>>
        examine;                 ///< modules that examine, though no bdev is theirs
    bool stop_on_error = false;  ///< a plugin that is refused ends the start
};

/// An edge of the stack: the bdev stands on `bdev`, named by `option`.
struct BaseRef {
    std::string option;
    std::string bdev;
    Location at;
    std::string maker;  ///< the bdev of the file that makes it; empty: that shows only when it is there
};

struct BdevSpec {
    std::string name;
    const ModuleInfo* module = nullptr;
    OptionStruct options;
    std::vector<BaseRef> bases;  ///< in the order of the option table
    std::vector<std::pair<std::string, std::string>>
        given;                    ///< options as written, bases and secrets left out
    std::vector<Member> members;  ///< the options' nodes, nested bdevs replaced by their names
    std::optional<bdk_bdev_qos_limits> qos;
    Location at;
    Location name_at;  ///< of its name; without one, as `at`

    /// The option's node, or nullptr when it was not given.
    const Member* find_member(std::string_view option) const;
};

struct Stack {
    std::string file;
    bdk::RuntimeOptions host;
    PluginSettings plugins;
    std::vector<BdevSpec> bdevs;  ///< a base always stands before what stands on it
    std::vector<NbdConfig> nbd_servers;

    /// The names of the modules that it uses, sorted: those of its bdevs, and those of `plugins: { examine:
    /// }`.
    std::vector<std::string> modules() const;

    /// The bdevs that its frontends export, as they name them.
    std::vector<std::string> exported_bdevs() const;

    /// The bdev of that name, or nullptr.
    const BdevSpec* find(const std::string& name) const;
};

}  // namespace bdevkit::host

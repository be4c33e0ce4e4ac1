// SPDX-License-Identifier: BSD-3-Clause
// The contents of a stack file, checked and ready to be built.
#pragma once

#include <bdevkit/qos.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loader/module_info.hpp"
#include "runtime/runtime.hpp"
#include "stack/frontend_kind.hpp"
#include "stack/node.hpp"
#include "stack/option_value.hpp"
#include "stack/problem.hpp"

namespace bdevkit::host {

/// The `plugins:` section.
struct PluginSettings {
    std::vector<std::filesystem::path> path;
    std::vector<std::pair<std::string, Location>>
        examine;                 ///< modules that examine, though no bdev is theirs
    bool stop_on_error = false;  ///< a refused plugin makes the start fail
};

/// An edge of the stack: `option` names `bdev` as a base.
struct BaseRef {
    std::string option;
    std::string bdev;
    Location at;
    std::string maker;  ///< the bdev of the file that makes it; empty: known only at run time
};

struct BdevSpec {
    std::string name;
    const ModuleInfo* module = nullptr;
    OptionStruct options;
    std::vector<BaseRef> bases;  ///< in the order of the option table
    std::vector<std::pair<std::string, std::string>>
        given;                    ///< options as written, without bases and secrets
    std::vector<Member> members;  ///< the options' nodes, nested bdevs replaced by their names
    std::optional<bdk_bdev_qos_limits> qos;
    Location at;
    Location name_at;  ///< place of its name; equal to `at` if it has none

    /// The option's node, or nullptr when it was not given.
    const Member* find_member(std::string_view option) const;
};

struct Stack {
    std::string file;
    bdk::RuntimeOptions host;
    PluginSettings plugins;
    std::vector<BdevSpec> bdevs;  ///< each base comes before the bdevs on top of it
    std::vector<FrontendSpec> frontends;

    /// The sorted names of the modules that the stack uses: the modules of its bdevs and those in `plugins: {
    /// examine: }`.
    std::vector<std::string> modules() const;

    /// The names of the bdevs that the frontends export.
    std::vector<std::string> exported_bdevs() const;

    /// The bdev of that name, or nullptr.
    const BdevSpec* find(const std::string& name) const;
};

}  // namespace bdevkit::host

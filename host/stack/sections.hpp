// SPDX-License-Identifier: BSD-3-Clause
// The sections of a stack file, each read by a file of its own.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "loader/module_source.hpp"
#include "stack/conflicts.hpp"
#include "stack/known_bdevs.hpp"
#include "stack/option_table.hpp"
#include "stack/problem.hpp"
#include "stack/stack.hpp"

namespace bdevkit::host {

struct StackFile;

/// The option tables of the sections that are the host's own; the schema is made from them too.
OptionTable host_section_table();
OptionTable plugins_section_table();
OptionTable qos_table();
OptionTable nbd_table();
OptionTable nbd_export_table();

bdk::RuntimeOptions read_host_section(const ConfigNode& node, const std::filesystem::path& folder,
                                      Problems& problems);
PluginSettings read_plugins_section(const ConfigNode& node, const std::filesystem::path& folder,
                                    Problems& problems);

/// What frontends need to know of the bdevs.
struct BdevGraph {
    KnownBdevs known;
    BaseClaims claims;
};

/// The bdevs of the file, nested ones included, in the order of the file.
std::vector<BdevSpec> read_bdevs_section(const ConfigNode& node, const std::filesystem::path& folder,
                                         const ModuleSource& modules, Problems& problems);

/// The key `qos` of a bdev.
bdk_bdev_qos_limits read_qos(const ConfigNode& node, const std::filesystem::path& folder, Problems& problems);

/// What the bdevs have to do with one another: bases that nobody makes, names, claims and UUIDs that clash,
/// and circles are problems. Puts bases before what stands on them.
/// @param others_may_appear  as KnownBdevs'
BdevGraph check_bdevs(std::vector<BdevSpec>& bdevs, bool others_may_appear, Problems& problems);

std::vector<NbdConfig> read_frontends_section(const ConfigNode& node, const StackFile& file,
                                              const BdevGraph& graph, Problems& problems);

/// Whether `listen` is `unix:/path`, `tcp:address:port` or `tcp:[v6-address]:port`.
tl::expected<void, std::string> check_listen_address(const std::string& listen);

/// Puts bases before what stands on them. A circle is a problem that names its bdevs.
void order_bdevs(std::vector<BdevSpec>& bdevs, Problems& problems);

}  // namespace bdevkit::host

// SPDX-License-Identifier: BSD-3-Clause
// The sections of a stack file. Each is read by its own source file.
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

/// The option tables of the host's own sections; the schema uses them too.
OptionTable host_section_table();
OptionTable plugins_section_table();
OptionTable qos_table();
OptionTable export_table();

bdk::RuntimeOptions read_host_section(const ConfigNode& node, const std::filesystem::path& folder,
                                      Problems& problems);
PluginSettings read_plugins_section(const ConfigNode& node, const std::filesystem::path& folder,
                                    Problems& problems);

/// The information about bdevs that frontends need.
struct BdevGraph {
    KnownBdevs known;
    BaseClaims claims;
};

/// Reads the bdevs of the file, including nested ones, in the order of the file.
std::vector<BdevSpec> read_bdevs_section(const ConfigNode& node, const std::filesystem::path& folder,
                                         const ModuleSource& modules, Problems& problems);

/// Reads the key `qos` of a bdev.
bdk_bdev_qos_limits read_qos(const ConfigNode& node, const std::filesystem::path& folder, Problems& problems);

/// Checks the relations between bdevs: missing bases, conflicts of names, claims and UUIDs, and cycles are
/// problems. Puts bases before the bdevs on top of them. @param others_may_appear see KnownBdevs
BdevGraph check_bdevs(std::vector<BdevSpec>& bdevs, bool others_may_appear, Problems& problems);

std::vector<FrontendSpec> read_frontends_section(const ConfigNode& node, const StackFile& file,
                                                 const BdevGraph& graph, Problems& problems);

/// Whether `listen` is `unix:/path`, `tcp:address:port` or `tcp:[v6-address]:port`.
tl::expected<void, std::string> check_listen_address(const std::string& listen);

/// Puts bases before the bdevs on top of them. A cycle is a problem that names its bdevs.
void order_bdevs(std::vector<BdevSpec>& bdevs, Problems& problems);

}  // namespace bdevkit::host

// SPDX-License-Identifier: BSD-3-Clause
// The sections of a stack file, each read by a file of its own.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "stack/option_table.hpp"
#include "stack/problem.hpp"
#include "stack/stack.hpp"

namespace bdevkit::host {

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

/// The bdevs of the file, nested ones included, in the order of the file.
std::vector<BdevSpec> read_bdevs_section(const ConfigNode& node, const std::filesystem::path& folder,
                                         const std::vector<const ModuleInfo*>& modules, Problems& problems);

/// The key `qos` of a bdev.
bdk_bdev_qos_limits read_qos(const ConfigNode& node, const std::filesystem::path& folder, Problems& problems);

/// The bdevs that a base or an export may name.
class KnownBdevs {
public:
    /// @param others_may_appear  some module's examine may make bdevs of any name
    KnownBdevs(const std::vector<BdevSpec>& bdevs, bool others_may_appear);

    /// True if the file makes the bdev. If not, that is a problem unless it may still appear.
    bool check(const std::string& name, Location at, Problems& problems) const;

private:
    /// Whether it is a bdev of the file followed by a letter and a number, or several of these: a module that
    /// makes several bdevs names them so, as `diskp1` or `Nvme0n1`.
    bool is_named_after_one(std::string_view name) const;

    std::vector<std::string> names_;  ///< sorted
    bool others_may_appear_;
};

std::vector<NbdConfig> read_frontends_section(const ConfigNode& node, const std::filesystem::path& folder,
                                              const KnownBdevs& known, Problems& problems);

/// Whether `listen` is `unix:/path`, `tcp:address:port` or `tcp:[v6-address]:port`.
tl::expected<void, std::string> check_listen_address(const std::string& listen);

/// Puts bases before what stands on them. A circle is a problem that names its bdevs.
void order_bdevs(std::vector<BdevSpec>& bdevs, Problems& problems);

}  // namespace bdevkit::host

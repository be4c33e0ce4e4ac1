// SPDX-License-Identifier: BSD-3-Clause
// Describes every plugin on the search path. Opening a plugin runs its constructors, so plugins that are only
// listed are opened by another process.
#pragma once

#include <string>
#include <vector>

#include "loader/plugin_loader.hpp"

namespace bdevkit::host {

/// [main thread] Discovers the plugins, and runs this program again to describe them. A plugin whose
/// constructors end that process, crash, or do not return in time is refused, with that reason.
void list_plugins(PluginLoader& loader);

/// [the other process, main thread] Opens the files in order, and writes a line of JSON for each to
/// child_result_fd (check/child.hpp).
void describe_plugins(const std::vector<std::string>& files);

}  // namespace bdevkit::host

// SPDX-License-Identifier: BSD-3-Clause
// What there is to say of every plugin on the search path, used or not. To open a plugin runs its
// constructors, so it is another process that opens those that are only listed.
#pragma once

#include <string>
#include <vector>

#include "loader/plugin_loader.hpp"

namespace bdevkit::host {

/// [main thread] Discovers, and has this program run again to describe what was found. A plugin whose
/// constructors end that process, crash, or do not return in time is refused for it.
void list_plugins(PluginLoader& loader);

/// [the other process, main thread] Opens the files in their order, and writes a line of JSON for each to
/// child_result_fd (check/child.hpp).
void describe_plugins(const std::vector<std::string>& files);

}  // namespace bdevkit::host

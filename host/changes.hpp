// SPDX-License-Identifier: BSD-3-Clause
// Changes to the bdevs of a running host, in the words of the stack file.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "loader/plugin_loader.hpp"
#include "stack/stack.hpp"

namespace bdevkit::host {

/// Why a change was refused.
struct ChangeError {
    int error = 0;  ///< an errno
    std::string message;
    bool in_options = false;  ///< they are wrong: the message has a line for each fault
};

template <typename T>
using Changed = tl::expected<T, ChangeError>;

/// Creates, removes, resizes and reconfigures bdevs. One call at a time; on error nothing has changed, but
/// for nested bdevs that were created before the one that failed.
class Changes {
public:
    /// @param stack, loader  those of the running host; they outlive this
    Changes(const Stack& stack, PluginLoader& loader);

    /// [main thread] Creates the bdevs that `yaml` lists as the section `bdevs:` does, bases first.
    /// @param folder  where relative paths start
    /// @return their names, in the order of creation
    Changed<std::vector<std::string>> create(const std::string& yaml, const std::filesystem::path& folder);

    /// [main thread] Removes the bdev; returns when it is gone, and what stands on it with it.
    Changed<void> remove(const std::string& name);

    /// [main thread] Gives a bdev in use other options: those of `yaml`, a map; the rest as they were.
    Changed<void> reconfigure(const std::string& name, const std::string& yaml,
                              const std::filesystem::path& folder);

    /// [main thread] Asks the module for another size, in bytes.
    Changed<void> resize(const std::string& name, uint64_t size);

private:
    Changed<void> create_one(BdevSpec& spec);

    const Stack& stack_;
    PluginLoader& loader_;
    std::map<std::string, BdevSpec> changed_;  ///< created or reconfigured since the start
};

}  // namespace bdevkit::host

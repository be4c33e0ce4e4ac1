// SPDX-License-Identifier: BSD-3-Clause
// Changes to the bdevs of a running host, in the format of the stack file.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bdev_locks.hpp"
#include "change_error.hpp"
#include "loader/plugin_loader.hpp"
#include "method_call.hpp"
#include "stack/stack.hpp"

namespace bdevkit::host {

/// Creates, removes, resizes and reconfigures bdevs, and calls modules' methods. The program's own threads
/// call it inside Host::enter(), several at a time: a change waits only for another change of the same bdev.
/// On error nothing has changed, except that nested bdevs created before the failing one remain.
class Changes {
public:
    /// @param stack, loader the running host's; they outlive this object
    Changes(const Stack& stack, PluginLoader& loader);

    /// [not a bdk thread] Creates the bdevs in `yaml`, which has the format of the section `bdevs:`, bases
    /// first. @param folder where relative paths start @return their names, in the order of creation
    Changed<std::vector<std::string>> create(const std::string& yaml, const std::filesystem::path& folder);

    /// [not a bdk thread] Removes the bdev and the bdevs on top of it; returns when they are gone.
    Changed<void> remove(const std::string& name);

    /// [not a bdk thread] Changes options of a bdev in use: `yaml` is a map of the new values; other options
    /// keep theirs.
    Changed<void> reconfigure(const std::string& name, const std::string& yaml,
                              const std::filesystem::path& folder);

    /// [not a bdk thread] Shows the bdev to the modules that examine bdevs, even if clients may have written
    /// to it; returns when the examination has ended.
    Changed<void> examine(const std::string& name);

    /// [not a bdk thread] Asks the module to change the size, in bytes.
    Changed<void> resize(const std::string& name, uint64_t size);

    /// [not a bdk thread] Calls a method of a module, like MethodCall::start(). Other calls may be started
    /// before it has ended.
    Changed<MethodCall> start_call(const std::string& module, const std::string& method,
                                   const std::string& yaml, const std::filesystem::path& folder);

    /// [any thread] The host is about to stop: changes that wait for others are refused.
    void end() { locks_.end(); }

private:
    Changed<void> create_one(BdevSpec& spec);
    std::shared_ptr<const BdevSpec> find_spec(const std::string& name) const;
    void keep(BdevSpec spec);
    void forget(const std::string& name);

    const Stack& stack_;
    PluginLoader& loader_;
    BdevLocks locks_;
    mutable std::mutex mutex_;  ///< guards what follows
    std::map<std::string, std::shared_ptr<const BdevSpec>>
        changed_;  ///< created or reconfigured since the start
};

}  // namespace bdevkit::host

// SPDX-License-Identifier: BSD-3-Clause
// Changes to the bdevs of a running host, in the words of the stack file.
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

/// Creates, removes, resizes and reconfigures bdevs, and calls modules' methods. Threads of the program's own
/// call it, inside Host::enter(), several at a time: a change waits for another one of the same bdev alone.
/// On error nothing has changed, but for nested bdevs that were created before the one that failed.
class Changes {
public:
    /// @param stack, loader  those of the running host; they outlive this
    Changes(const Stack& stack, PluginLoader& loader);

    /// [not a bdk thread] Creates the bdevs that `yaml` lists as the section `bdevs:` does, bases first.
    /// @param folder  where relative paths start
    /// @return their names, in the order of creation
    Changed<std::vector<std::string>> create(const std::string& yaml, const std::filesystem::path& folder);

    /// [not a bdk thread] Removes the bdev; returns when it is gone, and what stands on it with it.
    Changed<void> remove(const std::string& name);

    /// [not a bdk thread] Gives a bdev in use other options: those of `yaml`, a map; the rest as they were.
    Changed<void> reconfigure(const std::string& name, const std::string& yaml,
                              const std::filesystem::path& folder);

    /// [not a bdk thread] Shows the bdev to the modules that recognise bdevs by what is on them, though
    /// clients may have written it; returns when they have looked.
    Changed<void> examine(const std::string& name);

    /// [not a bdk thread] Asks the module for another size, in bytes.
    Changed<void> resize(const std::string& name, uint64_t size);

    /// [not a bdk thread] Calls a method of a module: as MethodCall::start(). Others may be started before it
    /// has ended.
    Changed<MethodCall> start_call(const std::string& module, const std::string& method,
                                   const std::string& yaml, const std::filesystem::path& folder);

    /// [any thread] The host is about to end: changes that wait for others are refused.
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

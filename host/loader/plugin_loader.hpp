// SPDX-License-Identifier: BSD-3-Clause
// Finds plugins, opens those that may be trusted, and makes their modules known to the running host.
//
//     PluginLoader loader(plugin_search_path(cli.plugin_path, stack.plugins.path));
//     loader.discover();                      // before or without a Runtime: `bdevkit plugins`, `validate`
//     auto runtime = Runtime::start(...);
//     auto module = loader.load("malloc");    // runs its init
//     ...
//     loader.remove_modules();                // runs fini, last loaded first
//     runtime->reset();                       // a plugin may have left a poller behind: files close last
//
// Discovery opens every file that has passed the look (permissions, ELF, entry symbol, ABI), because the name
// of a module stands in its table; what a file runs then is its constructors. init runs for modules that are
// loaded, and only for them.
#pragma once

#include <bdevkit/module.h>

#include <boost/dll/shared_library.hpp>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "loader/module_info.hpp"
#include "loader/search_path.hpp"

namespace bdevkit::host {

enum class PluginState {
    usable,    ///< its module can be loaded
    loaded,    ///< init has succeeded
    shadowed,  ///< a file of the same name in an earlier folder stands for it
    refused,
};

/// One file of the search path, or a folder of it that cannot be read (then refused).
struct Plugin {
    std::filesystem::path path;
    PluginState state = PluginState::refused;
    std::string reason;  ///< one line: why it is refused or shadowed, and what to do; empty otherwise
    ModuleInfo info;     ///< of usable and loaded plugins
};

/// After discover() several threads may ask for modules and load them. An init that does not end holds up
/// those alone that load the same module.
class PluginLoader {
public:
    explicit PluginLoader(std::vector<SearchFolder> search_path);

    /// [after the Runtime] Closes the files. Those with a module that is still loaded stay mapped: its code
    /// may run yet.
    ~PluginLoader();

    PluginLoader(const PluginLoader&) = delete;
    PluginLoader& operator=(const PluginLoader&) = delete;

    /// [main thread, before discover()] Makes a module of the program's own known, which stands before the
    /// plugins of that name. Its table outlives the loader. The error is one line.
    tl::expected<void, std::string> add(const bdk_module& module);

    /// [main thread] Looks through the search path and opens what may be opened. Once per loader.
    void discover();

    /// [main thread, while nobody loads] Every file found, in the order of the search path and by name within
    /// a folder.
    const std::vector<Plugin>& plugins() const { return plugins_; }

    const std::vector<SearchFolder>& search_path() const { return search_path_; }

    /// [not a bdk thread] The modules of usable and loaded plugins, in the order of plugins().
    std::vector<const ModuleInfo*> modules() const;

    /// [not a bdk thread] The usable or loaded plugin whose module has that name; nullptr when there is none.
    const Plugin* find(std::string_view module_name) const;

    /// [not a bdk thread] Why there is no module of that name, in one line: a file of that name was refused,
    /// or the search path holds none.
    std::string why_missing(std::string_view module_name) const;

    /// [not a bdk thread, while a Runtime runs] Adds the module to the host and runs its init; a module that
    /// is loaded already is returned as it is. The error is one line.
    tl::expected<const bdk_module*, std::string> load(std::string_view module_name);

    /// [main thread, while a Runtime runs] Loads every usable plugin. @return one line for each that failed.
    std::vector<std::string> load_all();

    /// [main thread, while a Runtime runs, after the bdevs are gone] Runs fini of the loaded modules, last
    /// loaded first. @return one line for each module that could not be removed.
    std::vector<std::string> remove_modules();

private:
    void discover_folder(const SearchFolder& folder);
    void discover_file(const std::filesystem::path& path);
    tl::expected<const bdk_module*, std::string> load_at(std::size_t index);

    std::vector<SearchFolder> search_path_;
    std::vector<boost::dll::shared_library> libraries_;  ///< of plugins_[i]; empty for those not open

    // After discover() nothing of a plugin changes but its state and reason.
    mutable std::mutex mutex_;  ///< guards what follows
    std::condition_variable init_ended_;
    std::vector<Plugin> plugins_;
    std::set<std::size_t> in_init_;    ///< indices
    std::vector<std::size_t> loaded_;  ///< indices, in the order of loading
};

}  // namespace bdevkit::host

// SPDX-License-Identifier: BSD-3-Clause
// Finds plugins, opens those that are used and trusted, and registers their modules with the running host.
//
//     PluginLoader loader(plugin_search_path(cli.plugin_path, stack.plugins.path));
//     loader.discover();                      // before or without a Runtime: `validate`
//     auto plugin = loader.open("malloc");    // its options
//     auto runtime = Runtime::start(...);
//     auto module = loader.load("malloc");    // runs its init
//     ...
//     loader.remove_modules();                // runs fini, last loaded first
//     runtime->reset();                       // a plugin may have left a poller behind: files close last
//
// Discovery inspects every file (permissions, ELF, entry symbol, ABI, the name in the table) without running
// its code. Opening a file runs its constructors; only plugins that a stack uses are opened. init runs for
// modules that are loaded.
#pragma once

#include <bdevkit/module.h>

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "loader/elf_look.hpp"
#include "loader/module_description.hpp"
#include "loader/module_info.hpp"
#include "loader/search_path.hpp"

namespace boost::dll {
class shared_library;
}

namespace bdevkit::host {

enum class PluginState {
    found,     ///< its file has passed the checks; the module can be loaded
    usable,    ///< the file has been opened or described
    loaded,    ///< init has succeeded
    shadowed,  ///< hidden by a file of the same name in an earlier folder
    refused,
};

/// A module of a file in the search path. A file that is refused or shadowed counts as one, and so does a
/// folder that cannot be read (then refused).
struct Plugin {
    std::filesystem::path path;
    PluginState state = PluginState::refused;
    std::string
        reason;  ///< one line with the reason for a refusal or shadowing, and what to do; otherwise empty

    // Results of the inspection. They are empty if the plugin's constructors fill the tables.
    std::string module_name;  ///< empty: not known yet
    uint32_t flags = 0;       ///< BDK_MODULE_*
    bool examines = false;

    ModuleInfo info;  ///< for usable and loaded plugins

    bool is_there() const {
        return state == PluginState::found || state == PluginState::usable || state == PluginState::loaded;
    }
};

/// After discover() several threads may find and load modules. An init that does not end holds up only
/// threads that load the same module.
class PluginLoader {
public:
    explicit PluginLoader(std::vector<SearchFolder> search_path);

    /// [after the Runtime] Closes the files. Files whose module is still loaded stay mapped, because their
    /// code may still run.
    ~PluginLoader();

    PluginLoader(const PluginLoader&) = delete;
    PluginLoader& operator=(const PluginLoader&) = delete;

    /// [main thread, before discover()] Adds a module of the program, which takes precedence over a plugin of
    /// that name. Its table outlives the loader. The error is one line.
    tl::expected<void, std::string> add(const bdk_module& module);

    /// [main thread] Inspects the files of the search path. Call it once per loader.
    void discover();

    /// [main thread, while nobody loads] The modules of all files found, in the order of the search path and
    /// by name of the file within a folder. Modules that show only when the file is open come last.
    const std::deque<Plugin>& plugins() const { return plugins_; }

    const std::vector<SearchFolder>& search_path() const { return search_path_; }

    /// [not a bdk thread] The modules of plugins that are open or described, in the order of plugins().
    std::vector<const ModuleInfo*> modules() const;

    /// [not a bdk thread] The plugin of that module; nullptr when no plugin has that name.
    const Plugin* find(std::string_view module_name) const;

    /// [not a bdk thread] The plugin of that module, opened. If no plugin is known to have the name, plugins
    /// with unknown names are opened too, those whose file has the name first. The error is the line of
    /// why_missing().
    tl::expected<const Plugin*, std::string> open(std::string_view module_name);

    /// [not a bdk thread] Opens each plugin found; plugins that cannot be opened become refused.
    void open_all();

    /// [not a bdk thread] Stores the descriptions of a file's modules, which another process has opened. They
    /// become usable for reading their options, but cannot be loaded. A module is refused if its name is
    /// already in use.
    void take_descriptions(const std::filesystem::path& file,
                           std::vector<std::unique_ptr<ModuleDescription>> descriptions);
    /// [not a bdk thread] Marks the modules found in a file as refused.
    void refuse(const std::filesystem::path& file, const std::string& reason);

    /// [not a bdk thread] The refused plugin whose module or file has that name; nullptr if none has.
    const Plugin* find_refused(std::string_view module_name) const;

    /// [not a bdk thread] One line that says why no module of that name is available: its file was refused,
    /// or the search path has none.
    std::string why_missing(std::string_view module_name) const;

    /// [not a bdk thread, while a Runtime runs] Adds the module to the host and runs its init; returns an
    /// already loaded module as it is. The error is one line.
    tl::expected<const bdk_module*, std::string> load(std::string_view module_name);

    /// [main thread, while a Runtime runs] Opens and loads every plugin found. @return one line for each that
    /// failed.
    std::vector<std::string> load_all();

    /// [main thread, while a Runtime runs, after the bdevs are gone] Runs fini of the loaded modules, last
    /// loaded first. @return one line for each module that could not be removed.
    std::vector<std::string> remove_modules();

private:
    void discover_folder(const SearchFolder& folder);
    void discover_file(const std::filesystem::path& path);
    void add_refused(Plugin plugin);
    void add_found(const std::filesystem::path& file, const ModuleLook& look);
    bool open_at(std::size_t index);
    void take_infos(const std::filesystem::path& file, std::vector<ModuleInfo> infos,
                    const std::shared_ptr<boost::dll::shared_library>& library);
    std::size_t place_for(const std::filesystem::path& file, const std::string& module_name);
    bool take_info(std::size_t index, ModuleInfo info);
    std::size_t index_of(const Plugin& plugin) const;
    tl::expected<const bdk_module*, std::string> load_at(std::size_t index);

    std::vector<SearchFolder> search_path_;
    std::vector<std::shared_ptr<boost::dll::shared_library>>
        libraries_;  ///< file of plugins_[i], shared by its modules; null if not open
    std::vector<std::unique_ptr<ModuleDescription>> descriptions_;

    // Held while a plugin is opened or loaded, except while waiting for an init.
    mutable std::recursive_mutex mutex_;  ///< guards what follows
    std::condition_variable_any init_ended_;
    std::deque<Plugin> plugins_;       ///< they stay where they are: callers hold pointers to them
    std::set<std::size_t> in_init_;    ///< indices
    std::vector<std::size_t> loaded_;  ///< indices, in the order of loading
};

}  // namespace bdevkit::host

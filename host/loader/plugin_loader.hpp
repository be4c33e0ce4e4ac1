// SPDX-License-Identifier: BSD-3-Clause
// Finds plugins, opens those that are used and may be trusted, and makes their modules known to the running
// host.
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
// Discovery looks at every file (permissions, ELF, entry symbol, ABI, the name in the table), and runs no
// code of any. To open a file runs its constructors; that happens to the plugins that a stack uses, and only
// to them. init runs for modules that are loaded.
#pragma once

#include <bdevkit/module.h>

#include <boost/dll/shared_library.hpp>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "loader/module_description.hpp"
#include "loader/module_info.hpp"
#include "loader/search_path.hpp"

namespace bdevkit::host {

enum class PluginState {
    found,     ///< it has passed the look; its module can be loaded
    usable,    ///< it has been opened or described
    loaded,    ///< init has succeeded
    shadowed,  ///< a file of the same name in an earlier folder stands for it
    refused,
};

/// One file of the search path, or a folder of it that cannot be read (then refused).
struct Plugin {
    std::filesystem::path path;
    PluginState state = PluginState::refused;
    std::string reason;  ///< one line: why it is refused or shadowed, and what to do; empty otherwise

    // What the look has told. The table of a plugin may be filled by its constructors, and tells nothing
    // then.
    std::string module_name;  ///< empty: not known yet
    uint32_t flags = 0;       ///< BDK_MODULE_*
    bool examines = false;

    ModuleInfo info;  ///< of usable and loaded plugins

    bool is_there() const {
        return state == PluginState::found || state == PluginState::usable || state == PluginState::loaded;
    }
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

    /// [main thread] Looks through the search path. Once per loader.
    void discover();

    /// [main thread, while nobody loads] Every file found, in the order of the search path and by name within
    /// a folder.
    const std::vector<Plugin>& plugins() const { return plugins_; }

    const std::vector<SearchFolder>& search_path() const { return search_path_; }

    /// [not a bdk thread] The modules of plugins that are open or described, in the order of plugins().
    std::vector<const ModuleInfo*> modules() const;

    /// [not a bdk thread] The plugin of that module; nullptr when none is known by that name.
    const Plugin* find(std::string_view module_name) const;

    /// [not a bdk thread] The plugin of that module, opened. Plugins that do not tell their names are opened
    /// if no other has it, those whose file has the name first. The error is one line: why_missing().
    tl::expected<const Plugin*, std::string> open(std::string_view module_name);

    /// [not a bdk thread] As open() of each plugin found; those that cannot be opened are refused then.
    void open_all();

    /// [not a bdk thread] Takes what another process has found out about a plugin that is found: it is usable
    /// for those who only read, and cannot be loaded. Refused if its name is taken.
    void take_description(const std::filesystem::path& file, std::unique_ptr<ModuleDescription> description);
    /// [not a bdk thread] Refuses a plugin that is found.
    void refuse(const std::filesystem::path& file, std::string reason);

    /// [not a bdk thread] The refused plugin of that module, or whose file has that name; nullptr when there
    /// is none.
    const Plugin* find_refused(std::string_view module_name) const;

    /// [not a bdk thread] Why there is no module of that name, in one line: a file of that name was refused,
    /// or the search path holds none.
    std::string why_missing(std::string_view module_name) const;

    /// [not a bdk thread, while a Runtime runs] Adds the module to the host and runs its init; a module that
    /// is loaded already is returned as it is. The error is one line.
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
    void look_at(Plugin& plugin);
    bool open_at(std::size_t index);
    bool take_info(std::size_t index, ModuleInfo info);
    Plugin* found(const std::filesystem::path& file);
    tl::expected<const bdk_module*, std::string> load_at(std::size_t index);

    std::vector<SearchFolder> search_path_;
    std::vector<boost::dll::shared_library> libraries_;  ///< of plugins_[i]; empty for those not open
    std::vector<std::unique_ptr<ModuleDescription>> descriptions_;

    // To open a plugin and to load it are done under it, but for the wait for an init.
    mutable std::recursive_mutex mutex_;  ///< guards what follows
    std::condition_variable_any init_ended_;
    std::vector<Plugin> plugins_;
    std::set<std::size_t> in_init_;    ///< indices
    std::vector<std::size_t> loaded_;  ///< indices, in the order of loading
};

}  // namespace bdevkit::host

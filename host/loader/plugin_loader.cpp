// SPDX-License-Identifier: BSD-3-Clause
#include "loader/plugin_loader.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <system_error>

#include "loader/plugin_file.hpp"
#include "module/module_registry.hpp"
#include "runtime/runtime.hpp"

namespace bdevkit::host {
namespace {

namespace fs = std::filesystem;

/// The `.so` files of a folder, by name.
tl::expected<std::vector<fs::path>, std::string> list_files(const fs::path& folder) {
    std::vector<fs::path> files;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
        if (it->path().extension() == ".so") files.push_back(it->path());
    if (error) return tl::unexpected("cannot be searched for plugins: " + error.message());
    std::sort(files.begin(), files.end());
    return files;
}

std::string name_is_taken(const Plugin& by) {
    return fmt::format("its module name '{}' is already in use by {}: remove or rename one of them",
                       by.module_name, by.path.native());
}

std::string join_paths(const std::vector<SearchFolder>& folders) {
    std::string text;
    for (const SearchFolder& folder : folders) {
        if (!text.empty()) text += ", ";
        text += folder.path.native();
    }
    return text.empty() ? "nowhere" : text;
}

}  // namespace

PluginLoader::PluginLoader(std::vector<SearchFolder> search_path) : search_path_(std::move(search_path)) {}

PluginLoader::~PluginLoader() {
    for (std::size_t index : loaded_)
        keep_mapped(plugins_[index].path);
}

tl::expected<void, std::string> PluginLoader::add(const bdk_module& module) {
    auto info = read_module(module);
    if (!info) return tl::unexpected(std::move(info.error()));
    if (find(info->name) != nullptr)
        return tl::unexpected(fmt::format("module '{}' occurs twice in this program", info->name));
    plugins_.push_back({.path = "this program"});
    libraries_.emplace_back();
    take_info(plugins_.size() - 1, *std::move(info));
    return {};
}

void PluginLoader::discover() {
    for (const SearchFolder& folder : search_path_)
        discover_folder(folder);
}

void PluginLoader::discover_folder(const SearchFolder& folder) {
    std::error_code error;
    if (!folder.must_exist && !fs::exists(folder.path, error)) return;
    const auto files = list_files(folder.path);
    if (files) {
        for (const fs::path& file : *files)
            discover_file(file);
        return;
    }
    add_refused({.path = folder.path, .reason = fmt::format("{} ({})", files.error(), folder.origin)});
}

void PluginLoader::discover_file(const fs::path& file) {
    const auto earlier = std::find_if(plugins_.begin(), plugins_.end(), [&](const Plugin& each) {
        return each.path.filename() == file.filename();
    });
    if (earlier != plugins_.end() && earlier->path != file) {
        add_refused({.path = file,
                     .state = PluginState::shadowed,
                     .reason = fmt::format("hidden by {}, which comes first in the search path",
                                           earlier->path.native())});
        return;
    }
    const auto entry = look_at_file(file);
    if (!entry) return add_refused({.path = file, .reason = entry.error()});
    if (entry->modules.empty()) return add_found(file, {});
    for (const ModuleLook& look : entry->modules)
        add_found(file, look);
}

void PluginLoader::add_refused(Plugin plugin) {
    plugins_.push_back(std::move(plugin));
    libraries_.emplace_back();
}

void PluginLoader::add_found(const fs::path& file, const ModuleLook& look) {
    Plugin plugin{.path = file, .module_name = look.name, .flags = look.flags, .examines = look.examines};
    const Plugin* twin = look.name.empty() ? nullptr : find(look.name);
    if (twin == nullptr) {
        plugin.state = PluginState::found;
    } else {
        plugin.reason = name_is_taken(*twin);
    }
    plugins_.push_back(std::move(plugin));
    libraries_.emplace_back();
}

const Plugin* PluginLoader::find(std::string_view module_name) const {
    const std::lock_guard lock(mutex_);
    const auto it = std::find_if(plugins_.begin(), plugins_.end(), [&](const Plugin& plugin) {
        return plugin.is_there() && plugin.module_name == module_name;
    });
    return it != plugins_.end() ? &*it : nullptr;
}

tl::expected<const Plugin*, std::string> PluginLoader::open(std::string_view module_name) {
    const std::lock_guard lock(mutex_);
    const auto open_where = [&](auto&& is_wanted) -> const Plugin* {
        for (std::size_t i = 0; i < plugins_.size(); ++i) {
            if (!plugins_[i].is_there() || !is_wanted(plugins_[i]) || !open_at(i)) continue;
            const Plugin* plugin = find(module_name);  // it may be another module of the file
            if (plugin != nullptr && plugin->state != PluginState::found) return plugin;
        }
        return nullptr;
    };
    const auto has_name = [&](const Plugin& plugin) { return plugin.module_name == module_name; };
    const auto may_have_it = [&](const Plugin& plugin) {
        return plugin.module_name.empty() && plugin.path.stem() == module_name;
    };
    const auto is_unknown = [](const Plugin& plugin) { return plugin.module_name.empty(); };
    if (module_name.empty()) return tl::unexpected(why_missing(module_name));
    if (const Plugin* plugin = open_where(has_name)) return plugin;
    // A refused plugin of that name is the plugin that was meant.
    if (find_refused(module_name) == nullptr) {
        if (const Plugin* plugin = open_where(may_have_it)) return plugin;
        if (const Plugin* plugin = open_where(is_unknown)) return plugin;
    }
    return tl::unexpected(why_missing(module_name));
}

void PluginLoader::open_all() {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < plugins_.size(); ++i)
        if (plugins_[i].state == PluginState::found) open_at(i);
}

bool PluginLoader::open_at(std::size_t index) {
    Plugin& plugin = plugins_[index];
    if (plugin.state != PluginState::found) return true;
    auto opened = open_plugin(plugin.path);
    if (opened)
        take_infos(plugin.path, std::move(opened->modules), opened->library);
    else
        refuse(plugin.path, opened.error());
    return plugin.state == PluginState::usable;
}

/// Reads the tables of a file after its constructors have run.
void PluginLoader::take_infos(const fs::path& file, std::vector<ModuleInfo> infos,
                              const std::shared_ptr<boost::dll::shared_library>& library) {
    for (ModuleInfo& info : infos) {
        const std::size_t index = place_for(file, info.name);
        if (take_info(index, std::move(info))) libraries_[index] = library;
    }
    refuse(file, "its list has no such module after its constructors have run");
}

/// The place of a module of the file: that of its name, else the first without a name, else a new one.
std::size_t PluginLoader::place_for(const fs::path& file, const std::string& module_name) {
    const auto find_place = [&](std::string_view name) {
        const auto it = std::find_if(plugins_.begin(), plugins_.end(), [&](const Plugin& plugin) {
            return plugin.state == PluginState::found && plugin.path == file && plugin.module_name == name;
        });
        return static_cast<std::size_t>(it - plugins_.begin());
    };
    std::size_t index = find_place(module_name);
    if (index == plugins_.size()) index = find_place("");
    if (index == plugins_.size()) {
        plugins_.push_back({.path = file, .state = PluginState::found});
        libraries_.emplace_back();
    }
    return index;
}

/// @return false when the module is refused
bool PluginLoader::take_info(std::size_t index, ModuleInfo info) {
    Plugin& plugin = plugins_[index];
    const Plugin* twin = find(info.name);
    plugin.module_name = info.name;
    if (twin != nullptr && twin != &plugin) {
        plugin.state = PluginState::refused;
        plugin.reason = name_is_taken(*twin);
        return false;
    }
    plugin.state = PluginState::usable;
    plugin.flags = info.module->flags;
    plugin.examines = examines(info);
    plugin.info = std::move(info);
    return true;
}

void PluginLoader::take_descriptions(const fs::path& file,
                                     std::vector<std::unique_ptr<ModuleDescription>> descriptions) {
    const std::lock_guard lock(mutex_);
    std::vector<ModuleInfo> infos;
    for (const auto& description : descriptions)
        infos.push_back(description->info());
    take_infos(file, std::move(infos), nullptr);
    std::ranges::move(descriptions, std::back_inserter(descriptions_));
}

void PluginLoader::refuse(const fs::path& file, const std::string& reason) {
    const std::lock_guard lock(mutex_);
    for (Plugin& plugin : plugins_) {
        if (plugin.state != PluginState::found || plugin.path != file) continue;
        plugin.state = PluginState::refused;
        plugin.reason = reason;
    }
}

const Plugin* PluginLoader::find_refused(std::string_view module_name) const {
    const std::lock_guard lock(mutex_);
    const auto it = std::find_if(plugins_.begin(), plugins_.end(), [&](const Plugin& plugin) {
        return plugin.state == PluginState::refused &&
               (plugin.module_name == module_name || plugin.path.stem() == module_name);
    });
    return it != plugins_.end() ? &*it : nullptr;
}

std::vector<const ModuleInfo*> PluginLoader::modules() const {
    const std::lock_guard lock(mutex_);
    std::vector<const ModuleInfo*> result;
    for (const Plugin& plugin : plugins_)
        if (plugin.state == PluginState::usable || plugin.state == PluginState::loaded)
            result.push_back(&plugin.info);
    return result;
}

std::string PluginLoader::why_missing(std::string_view module_name) const {
    const std::lock_guard lock(mutex_);
    if (const Plugin* plugin = find_refused(module_name))
        return fmt::format("{}: {}", plugin->path.native(), plugin->reason);
    return fmt::format("no plugin has the module '{}' (looked in {})", module_name, join_paths(search_path_));
}

tl::expected<const bdk_module*, std::string> PluginLoader::load(std::string_view module_name) {
    const auto plugin = open(module_name);
    if (!plugin) return tl::unexpected(plugin.error());
    return load_at(index_of(**plugin));
}

std::vector<std::string> PluginLoader::load_all() {
    std::vector<std::string> failures;
    open_all();
    for (std::size_t i = 0; i < plugins_.size(); ++i) {
        if (plugins_[i].state != PluginState::usable) continue;
        if (auto module = load_at(i); !module) failures.push_back(module.error());
    }
    return failures;
}

std::size_t PluginLoader::index_of(const Plugin& plugin) const {
    std::size_t index = 0;
    while (&plugins_[index] != &plugin)
        ++index;
    return index;
}

tl::expected<const bdk_module*, std::string> PluginLoader::load_at(std::size_t index) {
    Plugin& plugin = plugins_[index];
    const bdk_module* module = plugin.info.module;
    std::unique_lock lock(mutex_);
    init_ended_.wait(lock, [&] { return !in_init_.contains(index); });
    if (plugin.state == PluginState::loaded) return module;
    const auto refused = [&] {
        return tl::unexpected(fmt::format("{}: {}", plugin.path.native(), plugin.reason));
    };
    if (plugin.state != PluginState::usable) return refused();

    in_init_.insert(index);
    lock.unlock();
    const int rc = bdk::await_on_app_thread([module, abi_minor = plugin.info.abi_minor](bdk::Done done) {
        bdk::module_add(module, std::move(done), abi_minor);
    });
    lock.lock();
    in_init_.erase(index);
    init_ended_.notify_all();
    if (rc == 0) {
        plugin.state = PluginState::loaded;
        loaded_.push_back(index);
        return module;
    }
    plugin.state = PluginState::refused;
    plugin.reason = rc == -EEXIST ? fmt::format("the host already has a module '{}'", plugin.info.name)
                                  : fmt::format("init of module '{}' failed: {}", plugin.info.name,
                                                std::generic_category().message(-rc));
    return refused();
}

std::vector<std::string> PluginLoader::remove_modules() {
    std::vector<std::string> failures;
    std::vector<std::size_t> left;
    for (auto index = loaded_.rbegin(); index != loaded_.rend(); ++index) {
        Plugin& plugin = plugins_[*index];
        const int rc = bdk::await_on_app_thread(
            [module = plugin.info.module](bdk::Done done) { bdk::module_remove(module, std::move(done)); });
        if (rc == 0) {
            plugin.state = PluginState::usable;
            continue;
        }
        left.push_back(*index);
        failures.push_back(fmt::format("{}: module '{}' cannot be removed: {}", plugin.path.native(),
                                       plugin.info.name, std::generic_category().message(-rc)));
    }
    loaded_ = std::move(left);
    return failures;
}

}  // namespace bdevkit::host

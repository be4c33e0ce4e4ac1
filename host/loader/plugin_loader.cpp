// SPDX-License-Identifier: BSD-3-Clause
#include "loader/plugin_loader.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cerrno>
#include <ranges>
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

bool is_usable(const Plugin& plugin) {
    return plugin.state == PluginState::usable || plugin.state == PluginState::loaded;
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
        return tl::unexpected(fmt::format("module '{}' stands twice in this program", info->name));
    plugins_.push_back({.path = "this program", .state = PluginState::usable, .info = std::move(*info)});
    libraries_.emplace_back();
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
    plugins_.push_back({.path = folder.path, .reason = fmt::format("{} ({})", files.error(), folder.origin)});
    libraries_.emplace_back();
}

void PluginLoader::discover_file(const fs::path& file) {
    Plugin plugin{.path = file};
    boost::dll::shared_library library;
    const auto earlier = std::find_if(plugins_.begin(), plugins_.end(), [&](const Plugin& each) {
        return each.path.filename() == file.filename();
    });
    if (earlier != plugins_.end()) {
        plugin.state = PluginState::shadowed;
        plugin.reason =
            fmt::format("hidden by {}, which comes first in the search path", earlier->path.native());
    } else if (auto opened = open_plugin(file); !opened) {
        plugin.reason = std::move(opened.error());
    } else if (const Plugin* twin = find(opened->info.name)) {
        plugin.reason = fmt::format("its module name '{}' is taken by {}: remove or rename one of them",
                                    twin->info.name, twin->path.native());
    } else {
        plugin.state = PluginState::usable;
        plugin.info = std::move(opened->info);
        library = std::move(opened->library);
    }
    plugins_.push_back(std::move(plugin));
    libraries_.push_back(std::move(library));
}

const Plugin* PluginLoader::find(std::string_view module_name) const {
    const std::lock_guard lock(mutex_);
    const auto it = std::find_if(plugins_.begin(), plugins_.end(), [&](const Plugin& plugin) {
        return is_usable(plugin) && plugin.info.name == module_name;
    });
    return it != plugins_.end() ? &*it : nullptr;
}

std::vector<const ModuleInfo*> PluginLoader::modules() const {
    const std::lock_guard lock(mutex_);
    std::vector<const ModuleInfo*> result;
    for (const Plugin& plugin : plugins_)
        if (is_usable(plugin)) result.push_back(&plugin.info);
    return result;
}

std::string PluginLoader::why_missing(std::string_view module_name) const {
    const std::lock_guard lock(mutex_);
    for (const Plugin& plugin : plugins_)
        if (plugin.state == PluginState::refused && plugin.path.stem() == module_name)
            return fmt::format("{}: {}", plugin.path.native(), plugin.reason);
    return fmt::format("no plugin has the module '{}' (looked in {})", module_name, join_paths(search_path_));
}

tl::expected<const bdk_module*, std::string> PluginLoader::load(std::string_view module_name) {
    const Plugin* plugin = find(module_name);
    if (plugin == nullptr) return tl::unexpected(why_missing(module_name));
    return load_at(static_cast<std::size_t>(plugin - plugins_.data()));
}

std::vector<std::string> PluginLoader::load_all() {
    std::vector<std::string> failures;
    for (std::size_t i = 0; i < plugins_.size(); ++i) {
        if (plugins_[i].state != PluginState::usable) continue;
        if (auto module = load_at(i); !module) failures.push_back(module.error());
    }
    return failures;
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
    const int rc =
        bdk::await_on_app_thread([module](bdk::Done done) { bdk::module_add(module, std::move(done)); });
    lock.lock();
    in_init_.erase(index);
    init_ended_.notify_all();
    if (rc == 0) {
        plugin.state = PluginState::loaded;
        loaded_.push_back(index);
        return module;
    }
    plugin.state = PluginState::refused;
    plugin.reason = rc == -EEXIST ? fmt::format("the host has a module '{}' already", plugin.info.name)
                                  : fmt::format("init of module '{}' failed: {}", plugin.info.name,
                                                std::generic_category().message(-rc));
    return refused();
}

std::vector<std::string> PluginLoader::remove_modules() {
    std::vector<std::string> failures;
    std::vector<std::size_t> left;
    for (const std::size_t index : loaded_ | std::views::reverse) {
        Plugin& plugin = plugins_[index];
        const int rc = bdk::await_on_app_thread(
            [module = plugin.info.module](bdk::Done done) { bdk::module_remove(module, std::move(done)); });
        if (rc == 0) {
            plugin.state = PluginState::usable;
            continue;
        }
        left.push_back(index);
        failures.push_back(fmt::format("{}: module '{}' cannot be removed: {}", plugin.path.native(),
                                       plugin.info.name, std::generic_category().message(-rc)));
    }
    loaded_ = std::move(left);
    return failures;
}

}  // namespace bdevkit::host

// SPDX-License-Identifier: BSD-3-Clause
#include "cli/stack_loading.hpp"

#include <fmt/format.h>

#include <chrono>

#include "base/text.hpp"
#include "cli/output.hpp"

#include "loader/opening_watch.hpp"
#include "loader/plugin_modules.hpp"

namespace bdevkit::host {

namespace {

void report_refused(const PluginLoader& loader, bool stop_on_error, Problems& problems) {
    for (const Plugin& plugin : loader.plugins()) {
        if (plugin.state != PluginState::refused) continue;
        const std::string line =
            bdk::printable(fmt::format("plugin {}: {}", plugin.path.string(), plugin.reason));
        if (stop_on_error) {
            problems.add({}, line);
        } else {
            print_error("{}\n", line);
        }
    }
}

/// From the file's `plugins:` section to the stack.
void finish_loading(LoadedStack& loaded, const std::vector<std::string>& plugin_path,
                    const std::vector<const bdk_module*>& modules) {
    std::vector<std::string> stack_path;
    for (const auto& folder : loaded.file.plugins.path)
        stack_path.push_back(folder.string());
    loaded.loader = std::make_unique<PluginLoader>(plugin_search_path(plugin_path, stack_path));
    if (loaded.file.root == nullptr) return;
    for (const bdk_module* module : modules) {
        if (const auto added = loaded.loader->add(*module); !added) loaded.problems.add({}, added.error());
    }
    if (const uint32_t late_ms = loaded.file.host.bdev.late_call_ms; late_ms != 0)
        OpeningWatch::set_patience(std::chrono::milliseconds(late_ms));
    loaded.loader->discover();
    report_refused(*loaded.loader, loaded.file.plugins.stop_on_error, loaded.problems);
    loaded.stack = resolve_stack(loaded.file, PluginModules(*loaded.loader), loaded.problems);
}

}  // namespace

LoadedStack load_stack(const std::string& file, const std::vector<std::string>& plugin_path) {
    LoadedStack loaded;
    loaded.file = read_stack_file(file, loaded.problems);
    finish_loading(loaded, plugin_path, {});
    return loaded;
}

LoadedStack load_stack_text(const std::string& text, std::string name, const std::filesystem::path& folder,
                            const std::vector<std::string>& plugin_path,
                            const std::vector<const bdk_module*>& modules) {
    LoadedStack loaded;
    loaded.file = parse_stack_file(text, std::move(name), folder, loaded.problems);
    finish_loading(loaded, plugin_path, modules);
    return loaded;
}

void add_stack_argument(CLI::App& command, std::string& file) {
    command.add_option("STACK.yaml", file, "The stack file; - reads standard input")->required();
}

void add_plugin_path_option(CLI::App& command, std::vector<std::string>& plugin_path) {
    command
        .add_option("--plugin-path", plugin_path,
                    "A folder to look for plugins in before all others; may be repeated")
        ->type_name("DIR")
        ->allow_extra_args(false);
}

}  // namespace bdevkit::host

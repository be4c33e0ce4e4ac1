// SPDX-License-Identifier: BSD-3-Clause
#include "stack/stack_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>
#include <system_error>

#include "stack/nearest.hpp"
#include "stack/sections.hpp"
#include "stack/yaml.hpp"

namespace bdevkit::host {

namespace {

constexpr uintmax_t max_file_size = 64u << 20;

const std::vector<std::string> section_names = {"version", "host", "plugins", "bdevs", "frontends"};

const ConfigNodePtr& section(const StackFile& file, const char* name) {
    static const ConfigNodePtr empty = std::make_shared<ConfigNode>();
    const Member* member = file.root->find(name);
    return member != nullptr ? member->value : empty;
}

/// nullptr unless the text is a map.
ConfigNodePtr parse_root(const std::string& text, Problems& problems) {
    ConfigNodePtr root = parse_yaml(text, problems);
    if (root == nullptr || root->is_map()) return root;
    problems.add(root->at,
                 fmt::format("expected a map that begins with `version: 1`, got {}", describe(*root)));
    return nullptr;
}

void check_version(const StackFile& file, Problems& problems) {
    const Member* version = file.root->find("version");
    if (version == nullptr) {
        problems.add(file.root->at, "the file needs `version: 1`");
    } else if (version->value->text != "1") {
        problems.add(version->value->at,
                     fmt::format("`version`: expected 1, got {}", describe(*version->value)));
    }
}

void check_section_names(const StackFile& file, Problems& problems) {
    for (const Member& member : file.root->members) {
        const bool known =
            std::find(section_names.begin(), section_names.end(), member.key) != section_names.end();
        // Such sections hold anchors, as in compose files.
        if (known || member.key.starts_with("x-")) continue;
        problems.add(member.at,
                     fmt::format("no section '{}'{}", member.key, suggestion(member.key, section_names)));
    }
}

std::string read_all(std::istream& stream) {
    return {std::istreambuf_iterator<char>(stream), {}};
}

/// The modules of `plugins: { examine: ... }` exist, and examine.
void check_examining(const PluginSettings& settings, const ModuleSource& modules, Problems& problems) {
    for (const auto& [name, at] : settings.examine) {
        const ModuleInfo* module = modules.find(name);
        if (module != nullptr && examines(*module)) continue;
        problems.add(at, fmt::format(fmt::runtime(module != nullptr ? "module '{}' examines no bdevs{}"
                                                                    : "no module '{}' was found{}"),
                                     name, suggestion(name, modules.examining())));
    }
}

/// Whether examination may make bdevs of any name. Called when the stack's modules are open.
bool others_may_appear(const Stack& stack, const ModuleSource& modules) {
    const std::vector<std::string> used = stack.modules();
    return std::any_of(used.begin(), used.end(), [&](const std::string& name) {
        const ModuleInfo* module = modules.find(name);
        return module != nullptr && examines(*module) &&
               (module->module->flags & BDK_MODULE_NAMES_AFTER_BASE) == 0;
    });
}

void resolve(const StackFile& file, const ModuleSource& modules, Stack& stack, Problems& problems) {
    if (file.root->find("bdevs") == nullptr) {
        problems.add(file.root->at, "the file needs a section `bdevs`");
    } else {
        stack.bdevs = read_bdevs_section(*section(file, "bdevs"), file.folder, modules, problems);
    }
    check_examining(stack.plugins, modules, problems);
    const BdevGraph graph = check_bdevs(stack.bdevs, others_may_appear(stack, modules), problems);
    if (file.root->find("frontends") == nullptr) return;
    stack.frontends = read_frontends_section(*section(file, "frontends"), file, graph, problems);
}

}  // namespace

StackFile parse_stack_file(const std::string& text, std::string name, std::filesystem::path folder,
                           Problems& problems) {
    StackFile file;
    file.name = std::move(name);
    file.folder = std::move(folder);
    try {
        file.root = parse_root(text, problems);
        if (file.root == nullptr) return file;
        check_version(file, problems);
        check_section_names(file, problems);
        file.host = read_host_section(*section(file, "host"), file.folder, problems);
        file.plugins = read_plugins_section(*section(file, "plugins"), file.folder, problems);
    } catch (const TooManyProblems&) {
        file.root = nullptr;  // Problems::format() says that reading has stopped
    }
    return file;
}

StackFile read_stack_file(const std::string& name, Problems& problems) {
    if (name == "-") {
        return parse_stack_file(read_all(std::cin), "<stdin>", std::filesystem::current_path(), problems);
    }
    std::error_code error;
    const uintmax_t size = std::filesystem::file_size(name, error);
    std::ifstream stream(name, std::ios::binary);
    if (error || !stream) {
        const int code = error ? error.value() : errno;
        problems.add({},
                     fmt::format("cannot read the stack file: {}", std::generic_category().message(code)));
        return {.name = name};
    }
    if (size > max_file_size) {
        problems.add({}, fmt::format("a stack file has at most {} bytes", max_file_size));
        return {.name = name};
    }
    const std::filesystem::path folder = std::filesystem::absolute(name).parent_path();
    return parse_stack_file(read_all(stream), name, folder, problems);
}

Stack resolve_stack(const StackFile& file, const ModuleSource& modules, Problems& problems) {
    Stack stack;
    stack.file = file.name;
    stack.host = file.host;
    stack.plugins = file.plugins;
    if (file.root == nullptr) return stack;
    try {
        resolve(file, modules, stack, problems);
    } catch (const TooManyProblems&) {
        // Problems::format() reports it.
    }
    return stack;
}

std::vector<std::string> Stack::modules() const {
    std::set<std::string> names;
    for (const BdevSpec& bdev : bdevs)
        if (bdev.module != nullptr) names.insert(bdev.module->name);
    for (const auto& [name, at] : plugins.examine)
        names.insert(name);
    return {names.begin(), names.end()};
}

std::vector<std::string> Stack::exported_bdevs() const {
    std::vector<std::string> names;
    for (const FrontendSpec& frontend : frontends)
        for (const ExportSpec& exported : frontend.exports)
            names.push_back(exported.bdev);
    return names;
}

const BdevSpec* Stack::find(const std::string& bdev) const {
    const auto found =
        std::find_if(bdevs.begin(), bdevs.end(), [&](const BdevSpec& spec) { return spec.name == bdev; });
    return found == bdevs.end() ? nullptr : &*found;
}

}  // namespace bdevkit::host

// SPDX-License-Identifier: BSD-3-Clause
// The file, its table, and repeated loading.
#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string_view>

#include "check/case.hpp"
#include "check/footprint.hpp"
#include "check/option_settings.hpp"
#include "check/stage.hpp"
#include "loader/elf_dependencies.hpp"
#include "loader/elf_look.hpp"
#include "loader/file_trust.hpp"
#include "loader/plugin_file.hpp"

namespace bdevkit::host {

namespace {

using Handle = std::unique_ptr<void, int (*)(void*)>;

/// The file, opened without a check of the tables, because the host would refuse a wrong table without naming
/// a rule.
Handle open_raw(const std::filesystem::path& path) {
    const auto fd = open_trusted(path);
    const auto file = fd ? ElfFile::read(fd->get()) : tl::unexpected(fd.error());
    const bool is_plugin = file && look_at_plugin(*file) && !why_dependencies_untrusted(*file, path);
    return {is_plugin ? dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) : nullptr, dlclose};
}

/// nullptr for a list of an unknown kind.
const bdk_plugin* list_in(const Handle& handle) {
    if (handle == nullptr) return nullptr;
    const auto* list = static_cast<const bdk_plugin*>(dlsym(handle.get(), BDK_PLUGIN_SYMBOL));
    const bool is_ours = list != nullptr && list->abi_major == BDK_ABI_MAJOR &&
                         list->abi_draft == BDK_ABI_DRAFT && list->modules != nullptr;
    return is_ours ? list : nullptr;
}

/// The table of the module to test; nullptr if the list has none of that name.
const bdk_module* table_in(const bdk_plugin& list, std::string_view name) {
    for (uint32_t i = 0; i < list.module_count; i++) {
        const bdk_module* table = list.modules[i];
        if (table == nullptr || table->name == nullptr) continue;
        if (name.empty() || table->name == name) return table;
    }
    return nullptr;
}

bool is_one_line(std::string_view text) {
    return !text.empty() && text.find_first_of("\n\r\t") == std::string_view::npos;
}

std::string_view text_or_empty(const char* text) {
    return text != nullptr ? text : "";
}

bool is_newer(const bdk_plugin& list) {
    return list.abi_minor > BDK_ABI_MINOR;
}

void check_size(const char* what, uint32_t size, size_t expected) {
    if (size != expected)
        throw Broken{fmt::format("the size in struct {} is {}", what, size),
                     fmt::format("sizeof(struct {}), {}", what, expected)};
}

void check_sizes(const bdk_plugin& list, const bdk_module& table) {
    if (is_newer(list)) return;
    check_size("bdk_plugin", list.size, sizeof(bdk_plugin));
    check_size("bdk_module", table.size, sizeof(bdk_module));
    if (table.option_count != 0 && table.option_size != sizeof(bdk_option))
        throw Broken{fmt::format("option_size is {}", table.option_size),
                     fmt::format("sizeof(struct bdk_option), {}", sizeof(bdk_option))};
    if (table.option_count != 0 && table.options == nullptr)
        throw Broken{fmt::format("option_count is {} and options NULL", table.option_count), "a table"};
    if (table.option_count != 0 && table.options_struct_size == 0)
        throw Broken{"options_struct_size is 0", "the size of the module's options struct"};
}

void check_metadata(const bdk_module& table) {
    const std::pair<const char*, const char*> texts[] = {
        {"name", table.name}, {"version", table.version}, {"description", table.description}};
    for (const auto& [what, text] : texts)
        if (!is_one_line(text_or_empty(text)))
            throw Broken{fmt::format("{} is '{}'", what, text_or_empty(text)), "a text of one line"};
    if (table.create == nullptr && table.examine_config == nullptr && table.examine_disk == nullptr &&
        table.init == nullptr)
        throw Broken{"neither create nor examine_config, examine_disk or init is set", "a way to get a bdev"};
}

using Options = std::span<const bdk_option>;

Options raw_options(const bdk_module& table) {
    if (table.option_count == 0) throw NotApplicable{"the module has no options"};
    if (table.option_size != sizeof(bdk_option) || table.options == nullptr)
        throw NotApplicable{"the option table cannot be read: see load.sizes"};
    return {table.options, table.option_count};
}

void check_help(Options options) {
    for (const bdk_option& option : options)
        if (!is_one_line(text_or_empty(option.help)))
            throw Broken{fmt::format("the help of option '{}' is '{}'", text_or_empty(option.name),
                                     text_or_empty(option.help)),
                         "one sentence on one line"};
}

void check_layout(Options options, uint32_t struct_size) {
    std::map<uint64_t, uint64_t> taken;  // end by begin
    std::set<std::string_view> names;
    for (const bdk_option& option : options) {
        const std::string_view name = text_or_empty(option.name);
        const uint64_t size = option_value_size(option.type, option.flags);
        if (!names.insert(name).second)
            throw Broken{fmt::format("option '{}' occurs twice in the table", name)};
        if (size == 0) throw Broken{fmt::format("option '{}' has the unknown type {}", name, option.type)};
        if (option.offset + size > struct_size)
            throw Broken{fmt::format("option '{}' takes {} bytes at {}, in a struct of {}", name, size,
                                     option.offset, struct_size),
                         "an offset within the options struct"};
        if (option.type != BDK_OPTION_UUID && option.offset % std::min<uint64_t>(size, 8) != 0)
            throw Broken{fmt::format("option '{}' is at offset {}", name, option.offset),
                         "an aligned offset"};
        const auto next = taken.lower_bound(option.offset);
        const bool meets_next = next != taken.end() && next->first < option.offset + size;
        const bool meets_previous = next != taken.begin() && std::prev(next)->second > option.offset;
        if (meets_next || meets_previous)
            throw Broken{fmt::format("option '{}' overlaps another option at offset {}", name, option.offset),
                         "options that do not overlap"};
        taken[option.offset] = option.offset + size;
    }
}

std::span<const bdk_method> raw_methods(const bdk_plugin& list, const bdk_module& table) {
    if (table.method_count == 0) throw NotApplicable{"the module has no methods"};
    if (table.methods == nullptr) throw Broken{"methods is NULL", "a table"};
    if (table.method_size == sizeof(bdk_method)) return {table.methods, table.method_count};
    if (!is_newer(list))
        throw Broken{fmt::format("method_size is {}", table.method_size),
                     fmt::format("sizeof(struct bdk_method), {}", sizeof(bdk_method))};
    throw NotApplicable{"the method table is that of a newer ABI"};
}

void check_methods(const bdk_plugin& list, const bdk_module& table) {
    std::set<std::string_view> names;
    for (const bdk_method& method : raw_methods(list, table)) {
        const std::string_view name = text_or_empty(method.name);
        const bool is_name =
            !name.empty() && name[0] >= 'a' && name[0] <= 'z' &&
            name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
        if (!is_name)
            throw Broken{fmt::format("a method has the name '{}'", name),
                         "lower-case letters, digits and _, starting with a letter"};
        if (!names.insert(name).second)
            throw Broken{fmt::format("method '{}' occurs twice in the table", name)};
        if (!is_one_line(text_or_empty(method.help)))
            throw Broken{fmt::format("the help of method '{}' is '{}'", name, text_or_empty(method.help)),
                         "one sentence on one line"};
        if (method.call == nullptr) throw Broken{fmt::format("method '{}' has no call", name)};
        if (method.param_count == 0) continue;
        if (method.params == nullptr || table.option_size != sizeof(bdk_option))
            throw Broken{fmt::format("the parameters of method '{}' cannot be read", name),
                         "params and option_size set"};
        const Options params(method.params, method.param_count);
        check_help(params);
        check_layout(params, method.params_struct_size);
    }
}

/// The parameters of the module's methods, as options.
std::vector<ModuleInfo> as_options(const ModuleInfo& module) {
    std::vector<ModuleInfo> result;
    for (const MethodInfo& method : module.methods) {
        result.push_back(module);
        result.back().options = method.params;
        result.back().options_struct_size = method.method.params_struct_size;
    }
    return result;
}

void check_default(const ModuleInfo& module) {
    for (const bdk_option& option : module.options) {
        if (option.max != 0 && option.min > option.max)
            throw Broken{fmt::format("option '{}' has the minimum {} and the maximum {}", option.name,
                                     option.min, option.max)};
        const std::string refused =
            option.default_value == nullptr ? "" : why_default_is_refused(module, option);
        if (!refused.empty())
            throw Broken{fmt::format("option '{}' has the default '{}', which is refused: {}", option.name,
                                     option.default_value, refused),
                         "a default that its own table allows"};
    }
}

/// Throws Broken when a figure has grown by `least` in each window of 20 rounds.
void expect_level(const std::vector<Footprint>& seen, size_t Footprint::*figure, const char* what,
                  size_t least) {
    for (size_t i = 1; i < seen.size(); i++)
        if (seen[i].*figure < seen[i - 1].*figure + least) return;
    throw Broken{fmt::format("{} {} more after 80 rounds", seen.back().*figure - seen.front().*figure, what),
                 "none"};
}

void check_repeat(CaseContext& context) {
    Stage stage(context.options, context.scratch);
    std::vector<Footprint> seen;
    // The first rounds fill caches and pools.
    for (int i = 1; i <= 100; i++) {
        stage.load();
        stage.unload();
        stage.close_file();
        if (i % 20 == 0) seen.push_back(Footprint::of_process());
    }
    expect_level(seen, &Footprint::fds, "file descriptors", 1);
    expect_level(seen, &Footprint::threads, "threads", 1);
    expect_level(seen, &Footprint::heap, "bytes on the heap", 20 * 16);
    stage.end();
}

/// What a table says, before the host reads it.
void check_table(Recorder& recorder, const bdk_plugin& list, const bdk_module& table) {
    recorder.step("load.sizes", [&] { check_sizes(list, table); });
    if (table.size < sizeof(bdk_module)) return;
    recorder.step("load.metadata", [&] { check_metadata(table); });
    recorder.step("options.help", [&] { check_help(raw_options(table)); });
    recorder.step("options.layout", [&] { check_layout(raw_options(table), table.options_struct_size); });
    recorder.step("methods.table", [&] { check_methods(list, table); });
}

}  // namespace

void run_load_case(CaseContext& context) {
    Recorder& recorder = context.recorder;
    const std::filesystem::path& file = context.options.plugin;
    recorder.begin("load.open");
    Handle raw = open_raw(file);
    if (const bdk_plugin* list = list_in(raw))
        if (const bdk_module* table = table_in(*list, context.options.module))
            check_table(recorder, *list, *table);
    recorder.begin("load.open");
    {
        const auto opened = open_plugin(file);
        if (!opened) return recorder.fail("load.open", opened.error(), "a plugin that the host opens");
        recorder.step("load.open", [] {});
        recorder.step("options.default", [&] {
            const ModuleInfo& module = *opened->find(context.options.module);
            const std::vector<ModuleInfo> methods = as_options(module);
            if (module.options.empty() && methods.empty()) throw NotApplicable{"the module has no options"};
            check_default(module);
            for (const ModuleInfo& method : methods)
                check_default(method);
        });
    }
    raw.reset();
    recorder.step("load.repeat", [&] { check_repeat(context); });
}

}  // namespace bdevkit::host

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

/// The file, opened without a check of the table, because the host would refuse a wrong table without naming
/// a rule.
Handle open_raw(const std::filesystem::path& path) {
    const auto fd = open_trusted(path);
    const auto file = fd ? ElfFile::read(fd->get()) : tl::unexpected(fd.error());
    const bool is_plugin = file && look_at_plugin(*file) && !why_dependencies_untrusted(*file, path);
    return {is_plugin ? dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) : nullptr, dlclose};
}

/// nullptr for a table of an unknown kind.
const bdk_module* table_in(const Handle& handle) {
    if (handle == nullptr) return nullptr;
    const auto* table = static_cast<const bdk_module*>(dlsym(handle.get(), BDK_MODULE_SYMBOL));
    return table != nullptr && table->abi_major == BDK_ABI_MAJOR ? table : nullptr;
}

bool is_one_line(std::string_view text) {
    return !text.empty() && text.find_first_of("\n\r\t") == std::string_view::npos;
}

std::string_view text_or_empty(const char* text) {
    return text != nullptr ? text : "";
}

/// Size of the table in ABI 1.0.
constexpr uint32_t first_size = offsetof(bdk_module, methods);

void check_sizes(const bdk_module& table) {
    const uint32_t size = table.abi_minor == 0 ? first_size : sizeof(bdk_module);
    if (table.abi_minor <= BDK_ABI_MINOR && table.size != size)
        throw Broken{
            fmt::format("size is {} in a table of ABI {}.{}", table.size, table.abi_major, table.abi_minor),
            fmt::format("sizeof(struct bdk_module), {}", size)};
    if (table.size < first_size) return;
    if (table.option_count != 0 && table.abi_minor <= BDK_ABI_MINOR &&
        table.option_size != sizeof(bdk_option))
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

std::span<const bdk_method> raw_methods(const bdk_module& table) {
    if (!BDK_HAS_FIELD(&table, bdk_module, method_size) || table.method_count == 0)
        throw NotApplicable{"the module has no methods"};
    if (table.methods == nullptr) throw Broken{"methods is NULL", "a table"};
    if (table.method_size == sizeof(bdk_method)) return {table.methods, table.method_count};
    if (table.abi_minor <= BDK_ABI_MINOR)
        throw Broken{fmt::format("method_size is {}", table.method_size),
                     fmt::format("sizeof(struct bdk_method), {}", sizeof(bdk_method))};
    throw NotApplicable{"the method table is that of a newer ABI"};
}

void check_methods(const bdk_module& table) {
    std::set<std::string_view> names;
    for (const bdk_method& method : raw_methods(table)) {
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

}  // namespace

void run_load_case(CaseContext& context) {
    Recorder& recorder = context.recorder;
    const std::filesystem::path& file = context.options.plugin;
    recorder.begin("load.open");
    Handle raw = open_raw(file);
    if (const bdk_module* table = table_in(raw)) {
        recorder.step("load.sizes", [&] { check_sizes(*table); });
        if (table->size >= first_size) {
            recorder.step("load.metadata", [&] { check_metadata(*table); });
            recorder.step("options.help", [&] { check_help(raw_options(*table)); });
            recorder.step("options.layout",
                          [&] { check_layout(raw_options(*table), table->options_struct_size); });
            recorder.step("methods.table", [&] { check_methods(*table); });
        }
    }
    recorder.begin("load.open");
    {
        const auto opened = open_plugin(file);
        if (!opened) return recorder.fail("load.open", opened.error(), "a plugin that the host opens");
        recorder.step("load.open", [] {});
        recorder.step("options.default", [&] {
            const std::vector<ModuleInfo> methods = as_options(opened->info);
            if (opened->info.options.empty() && methods.empty())
                throw NotApplicable{"the module has no options"};
            check_default(opened->info);
            for (const ModuleInfo& method : methods)
                check_default(method);
        });
    }
    raw.reset();
    recorder.step("load.repeat", [&] { check_repeat(context); });
}

}  // namespace bdevkit::host

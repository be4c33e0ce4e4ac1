// SPDX-License-Identifier: BSD-3-Clause
#include "loader/module_info.hpp"

#include <dlfcn.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <optional>
#include <set>
#include <string_view>

#include "base/strict.hpp"

using namespace std::string_literals;

namespace bdevkit::host {
namespace {

// The host needs every field up to here.
constexpr std::size_t min_table_size = offsetof(bdk_module, name) + sizeof(bdk_module::name);
constexpr std::size_t min_plugin_size = offsetof(bdk_plugin, module_count) + sizeof(bdk_plugin::module_count);
constexpr std::size_t min_option_size = offsetof(bdk_option, offset) + sizeof(bdk_option::offset);
constexpr std::size_t min_method_size = offsetof(bdk_method, call) + sizeof(bdk_method::call);

/// Where the file that holds `object` is mapped; nullptr if none does, as for memory of the heap.
const void* file_of(const void* object) {
    Dl_info found{};
    return dladdr(object, &found) != 0 ? found.dli_fbase : nullptr;
}

/// Whether a table that the program or another library exports has taken the place of the plugin's own.
bool is_foreign(const bdk_module* table, const bdk_plugin& plugin) {
    const void* file = file_of(table);
    return file != nullptr && file != file_of(&plugin);
}

/// The struct at `source`, `size` bytes long, with the fields beyond that zero.
template <typename T>
T zero_extended(const void* source, std::size_t size) {
    T copy{};
    std::memcpy(&copy, source, std::min(size, sizeof(T)));
    return copy;
}

/// Why a line of a table is refused that has bytes beyond `known` which are not zero: the host would leave
/// out what they ask for.
std::optional<std::string> why_too_new(const std::byte* line, std::size_t size, std::size_t known,
                                       std::string_view type) {
    const int rc = bdk::wrong_size(line, size, 0, known);
    return rc == 0 ? std::nullopt : std::optional(bdk::wrong_size_text(type, size, known, rc));
}

std::optional<std::string> why_unknown(std::string_view field, uint64_t value, uint64_t known) {
    const uint64_t unknown = value & ~known;
    return unknown == 0 ? std::nullopt : std::optional(bdk::unknown_bits_text(field, unknown));
}

std::string text_of(const char* text) {
    return text != nullptr ? text : "";
}

bool is_lower_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_module_name(std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(),
                                        [](char c) { return is_lower_or_digit(c) || c == '_' || c == '-'; });
}

bool is_option_name(std::string_view name) {
    return !name.empty() && name[0] >= 'a' && name[0] <= 'z' &&
           std::all_of(name.begin(), name.end(), [](char c) { return is_lower_or_digit(c) || c == '_'; });
}

uint32_t option_value_alignment(const bdk_option& option) {
    if ((option.flags & BDK_OPTION_LIST) != 0) return alignof(bdk_option_list);
    if (option.type == BDK_OPTION_UUID) return alignof(bdk_uuid);
    return option_value_size(option.type, 0);
}

std::optional<std::string> why_wrong(const bdk_option& option, uint32_t struct_size) {
    const std::string_view name = option.name != nullptr ? option.name : "";
    if (!is_option_name(name))
        return fmt::format(
            "option name '{}': expected lower-case letters, digits and _, starting with a letter", name);

    constexpr uint32_t known_flags =
        BDK_OPTION_REQUIRED | BDK_OPTION_LIST | BDK_OPTION_SECRET | BDK_OPTION_CLAIMED | BDK_OPTION_PARTS;
    if (auto why = why_unknown("flags", option.flags, known_flags))
        return fmt::format("option '{}': {}", name, *why);
    if (auto why = why_unknown("reserved", option.reserved[0] | option.reserved[1], 0))
        return fmt::format("option '{}': {}", name, *why);
    const uint32_t size = option_value_size(option.type, option.flags);
    if (size == 0)
        return fmt::format(
            "option '{}' has type {}, which this host does not know: it was built for a newer one", name,
            option.type);
    if (option.offset > struct_size || struct_size - option.offset < size)
        return fmt::format(
            "option '{}' takes {} bytes at offset {}, beyond the options struct of {} bytes: check "
            "its offset and options_struct_size",
            name, size, option.offset, struct_size);
    if (option.offset % option_value_alignment(option) != 0)
        return fmt::format("option '{}' is at offset {}, which is not aligned for its type: use offsetof()",
                           name, option.offset);
    if (option.type == BDK_OPTION_ENUM && (option.enum_values == nullptr || option.enum_values[0] == nullptr))
        return fmt::format("option '{}' is an enum without enum_values", name);
    if (option.max != 0 && option.min > option.max)
        return fmt::format("option '{}' has the minimum {} above its maximum {}", name, option.min,
                           option.max);
    return std::nullopt;
}

using Options = tl::expected<std::vector<bdk_option>, std::string>;

/// @param size size of one option in the table @param struct_size size of the struct that the options fill
Options read_table(const bdk_option* table, uint32_t count, uint32_t size, uint32_t struct_size) {
    std::vector<bdk_option> options;
    if (count == 0) return options;
    if (size < min_option_size || size % alignof(bdk_option) != 0)
        return tl::unexpected(fmt::format("option_size is {}: set it to sizeof(struct bdk_option)", size));

    std::set<std::string_view> names;
    const auto* bytes = reinterpret_cast<const std::byte*>(table);
    for (uint32_t i = 0; i < count; ++i) {
        const std::byte* line = bytes + std::size_t{i} * size;
        const auto option = zero_extended<bdk_option>(line, size);
        if (auto reason = why_too_new(line, size, sizeof(bdk_option), "bdk_option"))
            return tl::unexpected(fmt::format("option '{}': {}", text_of(option.name), *reason));
        if (auto reason = why_wrong(option, struct_size)) return tl::unexpected(*std::move(reason));
        if (!names.insert(option.name).second)
            return tl::unexpected(fmt::format("option '{}' occurs twice in its table", option.name));
        options.push_back(option);
    }
    return options;
}

Options read_options(const bdk_module& table) {
    if (table.option_count != 0 && table.options == nullptr)
        return tl::unexpected(fmt::format("option_count is {}, but options is NULL", table.option_count));
    Options options =
        read_table(table.options, table.option_count, table.option_size, table.options_struct_size);
    if (!options) return options;
    for (const bdk_option& option : *options) {
        const std::string_view name = option.name;
        if (name == "name" || name == "module" || name == "qos")
            return tl::unexpected(fmt::format(
                "option '{}': every bdev of a stack has that key already, choose another name", name));
    }
    return options;
}

/// "p0": lower-case letters, then a number without leading zeros.
std::optional<PartSuffix> read_suffix(std::string_view text) {
    const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
    const auto digits_at = std::find_if_not(text.begin(), text.end(), is_letter);
    PartSuffix suffix{std::string(text.begin(), digits_at)};
    const std::string_view digits(digits_at, text.end());
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), suffix.first);
    const bool is_number =
        error == std::errc{} && end == digits.end() && (digits.size() == 1 || digits[0] != '0');
    return is_number && !suffix.letters.empty() ? std::optional(suffix) : std::nullopt;
}

/// The fault in the table's declarations about the module's bdevs and their bases.
std::optional<std::string> why_wrong_graph(const bdk_module& table, const std::vector<bdk_option>& options) {
    if (table.part_suffix != nullptr && !read_suffix(table.part_suffix))
        return fmt::format("part_suffix '{}': expected lower-case letters and a number, such as p0",
                           table.part_suffix);
    for (const bdk_option& option : options) {
        const bool counts = option.type == BDK_OPTION_U32 || option.type == BDK_OPTION_U64;
        const bool is_list = (option.flags & BDK_OPTION_LIST) != 0;
        if ((option.flags & BDK_OPTION_CLAIMED) != 0 && option.type != BDK_OPTION_BDEV)
            return fmt::format("option '{}' has BDK_OPTION_CLAIMED, but is not a BDK_OPTION_BDEV",
                               option.name);
        if ((option.flags & BDK_OPTION_PARTS) == 0) continue;
        if (!counts && !is_list)
            return fmt::format("option '{}' has BDK_OPTION_PARTS, but is neither a number nor a list",
                               option.name);
        if (table.part_suffix == nullptr)
            return fmt::format("option '{}' has BDK_OPTION_PARTS, but the module has no part_suffix",
                               option.name);
    }
    return std::nullopt;
}

tl::expected<MethodInfo, std::string> read_method(const bdk_method& method, uint32_t option_size) {
    const std::string name = text_of(method.name);
    if (!is_option_name(name))
        return tl::unexpected(fmt::format(
            "method name '{}': expected lower-case letters, digits and _, starting with a letter", name));
    if (auto why = why_unknown("reserved", method.reserved[0] | method.reserved[1], 0))
        return tl::unexpected(fmt::format("method '{}': {}", name, *why));
    if (method.call == nullptr) return tl::unexpected(fmt::format("method '{}' has no call", name));
    if (method.param_count != 0 && method.params == nullptr)
        return tl::unexpected(
            fmt::format("method '{}': param_count is {}, but params is NULL", name, method.param_count));
    auto params = read_table(method.params, method.param_count, option_size, method.params_struct_size);
    if (!params) return tl::unexpected(fmt::format("method '{}': {}", name, params.error()));
    return MethodInfo{
        .method = method, .name = name, .help = text_of(method.help), .params = *std::move(params)};
}

tl::expected<std::vector<MethodInfo>, std::string> read_methods(const bdk_module& table) {
    std::vector<MethodInfo> methods;
    if (table.method_count == 0) return methods;
    if (table.methods == nullptr)
        return tl::unexpected(fmt::format("method_count is {}, but methods is NULL", table.method_count));
    if (table.method_size < min_method_size || table.method_size % alignof(bdk_method) != 0)
        return tl::unexpected(
            fmt::format("method_size is {}: set it to sizeof(struct bdk_method)", table.method_size));

    std::set<std::string> names;
    const auto* bytes = reinterpret_cast<const std::byte*>(table.methods);
    for (uint32_t i = 0; i < table.method_count; ++i) {
        const std::byte* line = bytes + std::size_t{i} * table.method_size;
        const auto given = zero_extended<bdk_method>(line, table.method_size);
        if (auto why = why_too_new(line, table.method_size, sizeof(bdk_method), "bdk_method"))
            return tl::unexpected(fmt::format("method '{}': {}", text_of(given.name), *why));
        auto method = read_method(given, table.option_size);
        if (!method) return tl::unexpected(std::move(method.error()));
        if (!names.insert(method->name).second)
            return tl::unexpected(fmt::format("method '{}' occurs twice in its table", method->name));
        methods.push_back(*std::move(method));
    }
    return methods;
}

}  // namespace

uint32_t option_value_size(uint32_t type, uint32_t flags) {
    uint32_t size = 0;
    switch (type) {
        case BDK_OPTION_BOOL:
            size = sizeof(uint8_t);
            break;
        case BDK_OPTION_U32:
        case BDK_OPTION_ENUM:
            size = sizeof(uint32_t);
            break;
        case BDK_OPTION_U64:
        case BDK_OPTION_SIZE:
        case BDK_OPTION_DURATION:
            size = sizeof(uint64_t);
            break;
        case BDK_OPTION_UUID:
            size = sizeof(bdk_uuid);
            break;
        case BDK_OPTION_STRING:
        case BDK_OPTION_PATH:
        case BDK_OPTION_BDEV:
            size = sizeof(const char*);
            break;
        default:
            return 0;
    }
    return (flags & BDK_OPTION_LIST) != 0 ? sizeof(bdk_option_list) : size;
}

std::string abi_text(uint32_t abi_major, uint32_t abi_minor, uint32_t abi_draft) {
    const std::string draft = abi_draft == 0 ? "" : fmt::format(" draft {}", abi_draft);
    return fmt::format("{}.{}{}", abi_major, abi_minor, draft);
}

std::string why_wrong_abi(uint32_t abi_major, uint32_t abi_minor, uint32_t abi_draft) {
    if (abi_major == BDK_ABI_MAJOR && abi_draft == BDK_ABI_DRAFT) return {};
    return fmt::format("built for ABI {}, this host offers {}: rebuild the plugin with this host's headers",
                       abi_text(abi_major, abi_minor, abi_draft),
                       abi_text(BDK_ABI_MAJOR, BDK_ABI_MINOR, BDK_ABI_DRAFT));
}

tl::expected<std::vector<ModuleInfo>, std::string> read_plugin(const bdk_plugin& plugin) {
    if (auto reason = why_wrong_abi(plugin.abi_major, plugin.abi_minor, plugin.abi_draft); !reason.empty())
        return tl::unexpected(std::move(reason));
    if (plugin.size < min_plugin_size)
        return tl::unexpected(
            fmt::format("its list's size is {}: set it to sizeof(struct bdk_plugin)", plugin.size));
    if (plugin.module_count == 0 || plugin.modules == nullptr)
        return tl::unexpected("its list has no modules: set modules and module_count"s);

    std::vector<ModuleInfo> infos;
    for (uint32_t i = 0; i < plugin.module_count; ++i) {
        if (plugin.modules[i] == nullptr)
            return tl::unexpected(fmt::format("entry {} of its list is NULL: is module_count right?", i));
        if (is_foreign(plugin.modules[i], plugin))
            return tl::unexpected(
                fmt::format("entry {} of its list lies in another file: make the module's table static", i));
        auto info = read_module(*plugin.modules[i], plugin.abi_minor);
        if (!info) return tl::unexpected(std::move(info.error()));
        infos.push_back(*std::move(info));
    }
    return infos;
}

tl::expected<ModuleInfo, std::string> read_module(const bdk_module& module, uint32_t abi_minor) {
    if (module.size < min_table_size)
        return tl::unexpected(
            fmt::format("its table's size is {}: set it to sizeof(struct bdk_module)", module.size));

    const auto table = zero_extended<bdk_module>(&module, module.size);
    if (table.name == nullptr || !is_module_name(table.name))
        return tl::unexpected(fmt::format("module name '{}': expected lower-case letters, digits, _ and -",
                                          text_of(table.name)));
    auto unknown = why_unknown("flags", table.flags, BDK_MODULE_NAMES_AFTER_BASE);
    if (!unknown) unknown = why_unknown("reserved", table.reserved, 0);
    if (unknown) return tl::unexpected(fmt::format("module '{}': {}", table.name, *unknown));
    auto options = read_options(table);
    if (!options) return tl::unexpected(fmt::format("module '{}': {}", table.name, options.error()));
    if (const auto reason = why_wrong_graph(table, *options))
        return tl::unexpected(fmt::format("module '{}': {}", table.name, *reason));
    auto methods = read_methods(table);
    if (!methods) return tl::unexpected(fmt::format("module '{}': {}", table.name, methods.error()));

    return ModuleInfo{
        .module = &module,
        .abi_minor = abi_minor,
        .name = table.name,
        .version = text_of(table.version),
        .description = text_of(table.description),
        .author = text_of(table.author),
        .license = text_of(table.license),
        .has_create = table.create != nullptr,
        .options = *std::move(options),
        .options_struct_size = table.options_struct_size,
        .methods = *std::move(methods),
        .parts = table.part_suffix != nullptr ? read_suffix(table.part_suffix) : std::nullopt,
    };
}

bool examines(const ModuleInfo& info) {
    const bdk_module* module = info.module;
    return (BDK_HAS_FIELD(module, bdk_module, examine_config) && module->examine_config != nullptr) ||
           (BDK_HAS_FIELD(module, bdk_module, examine_disk) && module->examine_disk != nullptr);
}

const MethodInfo* ModuleInfo::find_method(std::string_view method) const {
    const auto found = std::find_if(methods.begin(), methods.end(),
                                    [&](const MethodInfo& each) { return each.name == method; });
    return found == methods.end() ? nullptr : &*found;
}

}  // namespace bdevkit::host

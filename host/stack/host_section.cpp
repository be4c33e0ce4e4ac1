// SPDX-License-Identifier: BSD-3-Clause
// The sections `host:` and `plugins:`.
#include <fmt/format.h>

#include <algorithm>

#include "base/cpus.hpp"
#include "stack/quantity.hpp"
#include "stack/sections.hpp"

namespace bdevkit::host {

namespace {

struct HostSection {
    bdk_option_list cores;
    uint32_t mode;
    const char* hugepages;
    uint64_t memory;
    uint32_t violations;
    uint64_t late_io;
    uint64_t late_call;
    uint64_t examine_limit;
    uint64_t blocked_limit;
    uint64_t stop_limit;
    uint8_t auto_examine;
    bdk_option_list examine;
    uint32_t bdev_io_pool_size;
    uint32_t bdev_io_cache_size;
    uint32_t iobuf_small_count;
    uint32_t iobuf_large_count;
    uint64_t iobuf_small_size;
    uint64_t iobuf_large_size;
};

constexpr uint64_t kib = 1024;
constexpr uint64_t mib = 1024 * kib;
constexpr uint64_t tib = mib * mib;
constexpr uint64_t millisecond_ns = 1'000'000;
constexpr uint64_t second_ns = 1'000 * millisecond_ns;

constexpr const char* mode_names[] = {"poll", "interrupt", "adaptive", nullptr};
constexpr bdk::ReactorMode modes[] = {bdk::ReactorMode::poll, bdk::ReactorMode::interrupt,
                                      bdk::ReactorMode::adaptive};
constexpr const char* violation_names[] = {"fail-io", "abort", nullptr};
constexpr bdk::ViolationPolicy violation_policies[] = {bdk::ViolationPolicy::fail_io,
                                                       bdk::ViolationPolicy::abort};

// clang-format off
constexpr bdk_option host_options[] = {
    {.name = "cores", .help = "Cores, with one reactor pinned to each; without cores there is one reactor, not pinned.",
     .type = BDK_OPTION_U32, .flags = BDK_OPTION_LIST, .offset = offsetof(HostSection, cores), .max = 4095},
    {.name = "mode", .help = "Behaviour of a reactor without work: keep polling, sleep at once, or poll for a while and then sleep.",
     .type = BDK_OPTION_ENUM, .offset = offsetof(HostSection, mode), .default_value = "adaptive",
     .enum_values = mode_names},
    {.name = "hugepages", .help = "`auto` uses hugepages if there are enough, `off` never, a size requires that much.",
     .type = BDK_OPTION_STRING, .offset = offsetof(HostSection, hugepages), .default_value = "auto"},
    {.name = "memory", .help = "Size of the heap for small DMA memory, which is allocated as it is touched.",
     .type = BDK_OPTION_SIZE, .offset = offsetof(HostSection, memory), .default_value = "512MiB",
     .min = 64 * mib, .max = tib},
    {.name = "violations", .help = "After a broken threading rule: fail the I/O and continue, or abort the host.",
     .type = BDK_OPTION_ENUM, .offset = offsetof(HostSection, violations), .default_value = "fail-io",
     .enum_values = violation_names},
    {.name = "late_io", .help = "An I/O that is outstanding for longer is reported with its bdev and module; 0 for never.",
     .type = BDK_OPTION_DURATION, .offset = offsetof(HostSection, late_io), .default_value = "30s",
     .max = 86'400 * second_ns},
    {.name = "late_call", .help = "A module that has not ended an init, create, examination, remove or destruct after this time is named; 0 for never.",
     .type = BDK_OPTION_DURATION, .offset = offsetof(HostSection, late_call), .default_value = "10s",
     .max = 86'400 * second_ns},
    {.name = "examine_limit", .help = "The start goes on without a module that examines a bdev for longer; 0: it always waits.",
     .type = BDK_OPTION_DURATION, .offset = offsetof(HostSection, examine_limit), .default_value = "10s",
     .max = 86'400 * second_ns},
    {.name = "blocked_limit", .help = "A call that holds a reactor for longer is reported with a backtrace; 0 for never.",
     .type = BDK_OPTION_DURATION, .offset = offsetof(HostSection, blocked_limit),
     .default_value = bdk::default_blocked_limit_text,
     .max = 3'600 * second_ns},
    {.name = "stop_limit", .help = "When an I/O or a module holds up a stopping host for longer, the host reports it and gives up; 0 for never.",
     .type = BDK_OPTION_DURATION, .offset = offsetof(HostSection, stop_limit), .default_value = "30s",
     .max = 86'400 * second_ns},
    {.name = "auto_examine", .help = "Show new bdevs to the modules of the stack that examine bdevs.",
     .type = BDK_OPTION_BOOL, .offset = offsetof(HostSection, auto_examine), .default_value = "true"},
    {.name = "examine", .help = "Bdevs that are examined in any case, even if auto_examine is false or clients may have written to them.",
     .type = BDK_OPTION_STRING, .flags = BDK_OPTION_LIST, .offset = offsetof(HostSection, examine)},
    {.name = "bdev_io_pool_size", .help = "Number of I/Os in flight in the whole host, counted at every layer.",
     .type = BDK_OPTION_U32, .offset = offsetof(HostSection, bdev_io_pool_size), .default_value = "65536",
     .min = 64, .max = 16 * mib},
    {.name = "bdev_io_cache_size", .help = "Number of free I/Os that a thread keeps for itself.",
     .type = BDK_OPTION_U32, .offset = offsetof(HostSection, bdev_io_cache_size), .default_value = "256",
     .max = 65536},
    {.name = "iobuf_small_count", .help = "Number of small buffers that all modules share.",
     .type = BDK_OPTION_U32, .offset = offsetof(HostSection, iobuf_small_count), .default_value = "1024",
     .min = 8, .max = mib},
    {.name = "iobuf_large_count", .help = "Number of large buffers that all modules share.",
     .type = BDK_OPTION_U32, .offset = offsetof(HostSection, iobuf_large_count), .default_value = "64",
     .min = 4, .max = mib},
    {.name = "iobuf_small_size", .help = "Bytes of a small buffer.",
     .type = BDK_OPTION_SIZE, .offset = offsetof(HostSection, iobuf_small_size), .default_value = "8KiB",
     .min = 4 * kib, .max = mib},
    {.name = "iobuf_large_size", .help = "Bytes of a large buffer.",
     .type = BDK_OPTION_SIZE, .offset = offsetof(HostSection, iobuf_large_size), .default_value = "1MiB",
     .min = 8 * kib, .max = 64 * mib},
};
// clang-format on

struct PluginsSection {
    bdk_option_list path;
    bdk_option_list examine;
    uint32_t on_error;
};

constexpr const char* on_error_names[] = {"continue", "stop", nullptr};
constexpr uint32_t on_error_stop = 1;

constexpr bdk_option plugins_options[] = {
    {.name = "path",
     .help = "Folders with plugins, searched before the usual ones.",
     .type = BDK_OPTION_PATH,
     .flags = BDK_OPTION_LIST,
     .offset = offsetof(PluginsSection, path)},
    {.name = "examine",
     .help = "Modules that examine bdevs, in addition to the modules of the stack's bdevs.",
     .type = BDK_OPTION_STRING,
     .flags = BDK_OPTION_LIST,
     .offset = offsetof(PluginsSection, examine)},
    {.name = "on_error",
     .help = "If a plugin cannot be used: report it and continue, or stop.",
     .type = BDK_OPTION_ENUM,
     .offset = offsetof(PluginsSection, on_error),
     .default_value = "continue",
     .enum_values = on_error_names},
};

template <typename T>
std::span<const T> elements(const bdk_option_list& list) {
    return {static_cast<const T*>(list.items), list.count};
}

/// True if `node` is a map; null counts as an empty map.
bool expect_map(const ConfigNode& node, const char* section, Problems& problems) {
    if (node.is_map() || node.kind == ConfigNode::Kind::null) return true;
    problems.add(node.at, fmt::format("`{}`: expected a map, got {}", section, describe(node)));
    return false;
}

/// Rounded up, so that a small limit does not become 0, which means no limit.
uint32_t in_ms(uint64_t ns) {
    return static_cast<uint32_t>((ns + millisecond_ns - 1) / millisecond_ns);
}

Location value_place(const ConfigNode& node, const char* key) {
    const Member* member = node.find(key);
    return member != nullptr ? member->value->at : node.at;
}

void check_hugepages(const ConfigNode& node, const std::string& text, Problems& problems) {
    if (text == "auto" || text == "off") return;
    const Quantity size = parse_size(text);
    if (size && *size > 0) return;
    problems.add(value_place(node, "hugepages"),
                 fmt::format("'hugepages': expected auto, off or a size such as 1GiB, got '{}'", text));
}

std::vector<uint32_t> read_cores(const ConfigNode& node, const HostSection& section, Problems& problems) {
    std::vector<uint32_t> result;
    const Member* given = node.find("cores");
    for (const uint32_t core : elements<uint32_t>(section.cores)) {
        const Location at = given->value->items[result.size()]->at;
        if (std::find(result.begin(), result.end(), core) != result.end())
            problems.add(at, fmt::format("'cores': core {} is named twice", core));
        else if (const std::string why = bdk::why_unavailable(core); !why.empty())
            problems.add(at, fmt::format("'cores': {}", why));
        result.push_back(core);
    }
    return result;
}

/// The names in the list, with their places.
std::vector<std::pair<std::string, Location>> read_examine(const ConfigNode& node,
                                                           const bdk_option_list& list) {
    std::vector<std::pair<std::string, Location>> result;
    const auto names = elements<const char*>(list);
    const Member* member = node.find("examine");
    for (size_t i = 0; i < names.size(); ++i)
        if (names[i] != nullptr) result.emplace_back(names[i], member->value->items[i]->at);
    return result;
}

}  // namespace

OptionTable host_section_table() {
    return {host_options, sizeof(HostSection)};
}

OptionTable plugins_section_table() {
    return {plugins_options, sizeof(PluginsSection)};
}

bdk::RuntimeOptions read_host_section(const ConfigNode& node, const std::filesystem::path& folder,
                                      Problems& problems) {
    if (!expect_map(node, "host", problems)) return {};
    const OptionReader reader(host_section_table(), folder, "`host`");
    const OptionStruct options = reader.read(node.members, node.at, {}, problems);
    const auto& section = options.as<HostSection>();

    bdk::RuntimeOptions result;
    result.reactors.cores = read_cores(node, section, problems);
    result.reactors.mode = modes[section.mode];
    if (section.hugepages != nullptr) {
        check_hugepages(node, section.hugepages, problems);
        result.env.hugepages = section.hugepages;
    }
    result.env.memory = section.memory;
    result.env.iobuf_small_count = section.iobuf_small_count;
    result.env.iobuf_large_count = section.iobuf_large_count;
    result.env.iobuf_small_size = static_cast<uint32_t>(section.iobuf_small_size);
    result.env.iobuf_large_size = static_cast<uint32_t>(section.iobuf_large_size);
    result.violations = violation_policies[section.violations];
    result.bdev.late_io_ms = in_ms(section.late_io);
    result.bdev.late_call_ms = in_ms(section.late_call);
    result.blocked_limit = std::chrono::milliseconds(in_ms(section.blocked_limit));
    result.stop_limit = std::chrono::milliseconds(in_ms(section.stop_limit));
    result.bdev.examine_limit_ms = in_ms(section.examine_limit);
    result.bdev.auto_examine = section.auto_examine != 0;
    for (const char* name : elements<const char*>(section.examine))
        if (name != nullptr) result.bdev.examine.emplace_back(name);
    result.bdev.bdev_io_pool_size = section.bdev_io_pool_size;
    result.bdev.bdev_io_cache_size = section.bdev_io_cache_size;
    return result;
}

PluginSettings read_plugins_section(const ConfigNode& node, const std::filesystem::path& folder,
                                    Problems& problems) {
    if (!expect_map(node, "plugins", problems)) return {};
    const OptionReader reader(plugins_section_table(), folder, "`plugins`");
    const OptionStruct options = reader.read(node.members, node.at, {}, problems);
    const auto& section = options.as<PluginsSection>();

    PluginSettings result;
    for (const char* path : elements<const char*>(section.path)) {
        if (path != nullptr) result.path.emplace_back(path);
    }
    result.examine = read_examine(node, section.examine);
    result.stop_on_error = section.on_error == on_error_stop;
    return result;
}

}  // namespace bdevkit::host

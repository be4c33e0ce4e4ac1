// SPDX-License-Identifier: BSD-3-Clause
// The section `frontends:`.
#include <fmt/format.h>
#include <sys/un.h>

#include <charconv>
#include <unordered_map>

#include "base/text.hpp"
#include "stack/nearest.hpp"
#include "stack/sections.hpp"
#include "stack/stack_file.hpp"

namespace bdevkit::host {

namespace {

struct ExportSection {
    const char* bdev;
    const char* name;
    const char* description;
    uint8_t read_only;
};

constexpr bdk_option export_options[] = {
    {.name = "bdev",
     .help = "The bdev to export.",
     .type = BDK_OPTION_BDEV,
     .flags = BDK_OPTION_REQUIRED,
     .offset = offsetof(ExportSection, bdev)},
    {.name = "name",
     .help = "The export's name; by default the bdev's name.",
     .type = BDK_OPTION_STRING,
     .offset = offsetof(ExportSection, name)},
    {.name = "description",
     .help = "Shown to clients that list the exports.",
     .type = BDK_OPTION_STRING,
     .offset = offsetof(ExportSection, description)},
    {.name = "read_only",
     .help = "Refuse writes, even if the bdev supports them.",
     .type = BDK_OPTION_BOOL,
     .offset = offsetof(ExportSection, read_only),
     .default_value = "false"},
};

using Places = std::unordered_map<std::string, Location>;

/// True if `text` is new in `places`.
bool note_unique(Places& places, const std::string& text, Location at, const char* what, Problems& problems) {
    const auto [first, inserted] = places.emplace(text, at);
    if (!inserted) {
        problems.add(at, fmt::format("{} '{}' is already in use, at {}:{}", what, text, first->second.line,
                                     first->second.column));
    }
    return inserted;
}

class FrontendReader {
public:
    FrontendReader(const StackFile& file, const BdevGraph& graph, Problems& problems)
        : file_(file), graph_(graph), problems_(problems) {}

    FrontendSpec read(const FrontendKind& kind, const ConfigNode& node) {
        const OptionReader reader(kind.options, file_.folder, fmt::format("`{}`", kind.name));
        FrontendSpec spec;
        spec.kind = &kind;
        spec.options = reader.read(node.members, node.at, {"exports"}, problems_);
        if (const char* listen = spec.options.as<CommonFrontendOptions>().listen; listen != nullptr) {
            spec.listen = listen;
            spec.place = place_of(node.find("listen")->value->at);
            check_listen(spec.listen, node.find("listen")->value->at);
        }
        read_exports(node, spec);
        return spec;
    }

private:
    Place place_of(Location at) const { return fmt::format("{}:{}:{}: ", file_.name, at.line, at.column); }

    void check_listen(const std::string& listen, Location at) {
        const tl::expected<void, std::string> valid = check_listen_address(listen);
        if (!valid) problems_.add(at, fmt::format("'listen': {}", valid.error()));
        if (valid && !listen.ends_with(":0")) note_unique(listens_, listen, at, "address", problems_);
    }

    void read_exports(const ConfigNode& node, FrontendSpec& spec) {
        const Member* exports = node.find("exports");
        if (exports == nullptr || !exports->value->is_list() || exports->value->items.empty()) {
            problems_.add(
                exports == nullptr ? node.at : exports->at,
                fmt::format("`{}` needs 'exports', a list such as [ {{ bdev: top }} ]", spec.kind->name));
            return;
        }
        Places names;
        for (const ConfigNodePtr& item : exports->value->items) {
            if (item->is_map()) {
                read_export(*item, spec, names);
            } else {
                problems_.add(item->at,
                              fmt::format("expected an export (`{{ bdev: ... }}`), got {}", describe(*item)));
            }
        }
    }

    void read_export(const ConfigNode& node, FrontendSpec& spec, Places& names) {
        const OptionReader reader(export_table(), file_.folder, "an export");
        const OptionStruct options = reader.read(node.members, node.at, {}, problems_);
        const auto& section = options.as<ExportSection>();
        if (section.bdev == nullptr) return;
        const Location bdev_at = node.find("bdev")->value->at;
        graph_.known.check(section.bdev, bdev_at, problems_);
        graph_.claims.check_export(section.bdev, section.read_only != 0, bdev_at, problems_);
        ExportSpec result;
        result.bdev = section.bdev;
        result.name = section.name != nullptr ? section.name : section.bdev;
        if (section.description != nullptr) result.description = bdk::to_utf8(section.description);
        result.read_only = section.read_only != 0;
        result.place = place_of(node.find("bdev")->value->at);
        const Member* name = node.find("name");
        const Location name_at = name != nullptr ? name->value->at : bdev_at;
        check_text(*spec.kind, "name", result.name, name_at);
        check_text(*spec.kind, "description", result.description, node.at);
        if (const char* wrong = bdk::wrong_in_name(result.name); wrong != nullptr)
            problems_.add(name_at, fmt::format("'name': the text {}", wrong));
        note_unique(names, result.name, name_at, "the export name", problems_);
        spec.exports.push_back(std::move(result));
    }

    void check_text(const FrontendKind& kind, const char* option, const std::string& text, Location at) {
        if (text.size() > kind.max_text)
            problems_.add(at, fmt::format("'{}': `{}` allows at most {} bytes, got {}", option, kind.name,
                                          kind.max_text, text.size()));
    }

    const StackFile& file_;
    const BdevGraph& graph_;
    Problems& problems_;
    Places listens_;
};

std::vector<std::string> frontend_names() {
    std::vector<std::string> names;
    for (const FrontendKind* kind : frontend_kinds())
        names.emplace_back(kind->name);
    return names;
}

bool is_port(std::string_view text) {
    uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

OptionTable export_table() {
    return {export_options, sizeof(ExportSection)};
}

tl::expected<void, std::string> check_listen_address(const std::string& listen) {
    const std::string_view text = listen;
    if (text.starts_with("unix:")) {
        constexpr size_t max_path = sizeof(sockaddr_un::sun_path) - 1;
        const size_t length = text.size() - 5;
        if (length >= 1 && length <= max_path) return {};
        return tl::unexpected(
            fmt::format("expected a path of 1 to {} bytes after 'unix:', got {} bytes", max_path, length));
    }
    const size_t colon = text.rfind(':');
    const bool is_tcp = text.starts_with("tcp:") && colon > 4 && is_port(text.substr(colon + 1));
    if (is_tcp) return {};
    return tl::unexpected(
        fmt::format("expected unix:/path, tcp:address:port or tcp:[v6-address]:port, got '{}'", listen));
}

std::vector<FrontendSpec> read_frontends_section(const ConfigNode& node, const StackFile& file,
                                                 const BdevGraph& graph, Problems& problems) {
    if (!node.is_list()) {
        problems.add(node.at,
                     fmt::format("`frontends`: expected a list of frontends, got {}", describe(node)));
        return {};
    }
    std::vector<FrontendSpec> result;
    FrontendReader reader(file, graph, problems);
    for (const ConfigNodePtr& item : node.items) {
        if (!item->is_map() || item->members.size() != 1) {
            problems.add(item->at,
                         "expected a map with one key, the kind of frontend, such as `nbd: { ... }`");
            continue;
        }
        const auto& [key, at, value] = item->members.front();
        const FrontendKind* kind = find_frontend_kind(key);
        if (kind == nullptr) {
            problems.add(at, fmt::format("no frontend '{}'{}", key, suggestion(key, frontend_names())));
        } else if (!value->is_map()) {
            problems.add(at, fmt::format("`{}`: expected a map, got {}", key, describe(*value)));
        } else {
            result.push_back(reader.read(*kind, *value));
        }
    }
    return result;
}

}  // namespace bdevkit::host

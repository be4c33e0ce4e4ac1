// SPDX-License-Identifier: BSD-3-Clause
#include "stack/graph.hpp"

#include <fmt/format.h>

#include <boost/algorithm/string/replace.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>

#include "base/text.hpp"
#include "stack/known_bdevs.hpp"

namespace bdevkit::host {

namespace {

/// Limits that keep a drawing readable, and finite when thousands of bdevs share bases.
constexpr size_t max_text_lines = 2000;

/// Finds the bdev of the file that makes a bdev of a given name.
class Makers {
public:
    explicit Makers(const Stack& stack) : known_(stack.bdevs, true) {
        for (const BdevSpec& bdev : stack.bdevs)
            index_.emplace(bdev.name, &bdev);
    }

    /// nullptr when no bdev of the file makes it.
    const BdevSpec* find(const std::string& name) const {
        const auto found = index_.find(known_.maker_of(name));
        return found != index_.end() ? found->second : nullptr;
    }
    /// The maker's name, or the bdev's own name when it has no maker.
    std::string name_of(const std::string& name) const {
        const BdevSpec* maker = find(name);
        return maker != nullptr ? maker->name : name;
    }

private:
    KnownBdevs known_;
    std::unordered_map<std::string, const BdevSpec*> index_;
};

/// "size 64MiB, block_size 4096"
std::string options_text(const BdevSpec& bdev) {
    std::vector<std::string> parts;
    for (const auto& [name, value] : bdev.given)
        parts.push_back(fmt::format("{} {}", name, value));
    return fmt::format("{}", fmt::join(parts, ", "));
}

/// "  [as 'archive', read-only]"
std::string export_note(const ExportSpec& exported) {
    std::vector<std::string> parts;
    if (exported.name != exported.bdev) parts.push_back(fmt::format("as '{}'", exported.name));
    if (exported.read_only) parts.emplace_back("read-only");
    return parts.empty() ? "" : fmt::format("  [{}]", fmt::join(parts, ", "));
}

std::set<std::string> names_in_use(const Stack& stack, const Makers& makers) {
    std::set<std::string> result;
    for (const BdevSpec& bdev : stack.bdevs) {
        for (const BaseRef& base : bdev.bases)
            result.insert(makers.name_of(base.bdev));
    }
    for (const FrontendSpec& frontend : stack.frontends) {
        for (const ExportSpec& exported : frontend.exports)
            result.insert(makers.name_of(exported.bdev));
    }
    return result;
}

class TextDrawing {
public:
    explicit TextDrawing(const Stack& stack) : makers_(stack) {
        for (const FrontendSpec& frontend : stack.frontends)
            draw_frontend(frontend);
        const std::set<std::string> used = names_in_use(stack, makers_);
        for (const BdevSpec& bdev : stack.bdevs) {
            if (!used.contains(bdev.name)) draw_maker(bdev, bdev.name, "", "", "");
        }
        if (lines_ > max_text_lines) text_ += "... and more; `--format json` shows everything\n";
    }

    std::string take() { return std::move(text_); }

private:
    void draw_frontend(const FrontendSpec& frontend) {
        add_line(fmt::format("{}  {}", frontend.kind->name, frontend.listen));
        for (size_t i = 0; i < frontend.exports.size(); ++i) {
            const bool last = i + 1 == frontend.exports.size();
            const ExportSpec& exported = frontend.exports[i];
            draw_bdev(exported.bdev, last ? "└─ " : "├─ ", last ? "   " : "│  ", "", export_note(exported));
        }
    }

    /// @param prefix the text before the children's branches
    void draw_bdev(const std::string& name, const std::string& branch, const std::string& prefix,
                   const std::string& option, const std::string& note) {
        const std::string label = option.empty() ? name : fmt::format("{}: {}", option, name);
        const BdevSpec* maker = makers_.find(name);
        if (maker == nullptr)
            add_line(fmt::format("{}{}  (made by examination){}", branch, label, note));
        else
            draw_maker(*maker, maker->name == name ? label : fmt::format("{}  of '{}',", label, maker->name),
                       branch, prefix, note);
    }

    void draw_maker(const BdevSpec& bdev, const std::string& label, const std::string& branch,
                    const std::string& prefix, const std::string& note) {
        const std::string options = options_text(bdev);
        add_line(fmt::format("{}{}  {}{}{}", branch, label, bdev.module->name,
                             options.empty() ? "" : fmt::format("  ({})", options), note));
        if (lines_ > max_text_lines) return;
        for (size_t i = 0; i < bdev.bases.size(); ++i) {
            const bool last = i + 1 == bdev.bases.size();
            const std::string shown_option = bdev.bases.size() > 1 ? bdev.bases[i].option : "";
            draw_bdev(bdev.bases[i].bdev, prefix + (last ? "└─ " : "├─ "), prefix + (last ? "   " : "│  "),
                      shown_option, "");
        }
    }

    void add_line(const std::string& line) {
        if (++lines_ <= max_text_lines) text_ += bdk::printable(line) + "\n";
    }

    Makers makers_;
    std::string text_;
    size_t lines_ = 0;
};

/// Nodes and edges with short identifiers, for formats that other tools draw.
struct Chart {
    struct Vertex {
        std::string id;
        std::vector<std::string> lines;  ///< the lines of its label
        bool is_frontend = false;
    };
    struct Edge {
        std::string from;
        std::string to;
        std::string label;
    };
    std::vector<Vertex> vertices;
    std::vector<Edge> edges;
};

Chart chart_of(const Stack& stack) {
    Chart chart;
    std::map<std::string, std::string> ids;
    const auto id_of = [&](const std::string& name) {
        const auto [id, inserted] = ids.emplace(name, fmt::format("b{}", ids.size()));
        if (inserted) chart.vertices.push_back({id->second, {name, "(made by examination)"}});
        return id->second;
    };
    for (const BdevSpec& bdev : stack.bdevs) {
        const std::string id = fmt::format("b{}", ids.size());
        ids.emplace(bdev.name, id);
        std::vector<std::string> lines = {bdev.name, bdev.module->name};
        if (const std::string options = options_text(bdev); !options.empty()) lines.push_back(options);
        chart.vertices.push_back({id, std::move(lines)});
    }
    const Makers makers(stack);
    const auto add_edge = [&](const std::string& from, const std::string& to, const std::string& label) {
        const std::string maker = makers.name_of(to);
        chart.edges.push_back({from, id_of(maker), maker == to ? label : fmt::format("{}: {}", label, to)});
    };
    for (const BdevSpec& bdev : stack.bdevs) {
        for (const BaseRef& base : bdev.bases)
            add_edge(id_of(bdev.name), base.bdev, base.option);
    }
    for (size_t i = 0; i < stack.frontends.size(); ++i) {
        const FrontendSpec& frontend = stack.frontends[i];
        const std::string id = fmt::format("f{}", i);
        chart.vertices.push_back({id, {frontend.kind->name, frontend.listen}, true});
        for (const ExportSpec& exported : frontend.exports) {
            add_edge(id, exported.bdev, exported.name + (exported.read_only ? ", read-only" : ""));
        }
    }
    return chart;
}

std::string dot_quoted(const std::vector<std::string>& lines) {
    std::vector<std::string> escaped;
    for (const std::string& text : lines) {
        std::string line = bdk::printable(text);
        boost::algorithm::replace_all(line, "\\", "\\\\");
        boost::algorithm::replace_all(line, "\"", "\\\"");
        escaped.push_back(std::move(line));
    }
    return fmt::format("\"{}\"", fmt::join(escaped, "\\n"));
}

std::string mermaid_quoted(const std::vector<std::string>& lines) {
    std::vector<std::string> escaped;
    for (const std::string& text : lines) {
        std::string line = bdk::printable(text);
        boost::algorithm::replace_all(line, "#", "#35;");
        boost::algorithm::replace_all(line, "\"", "#quot;");
        boost::algorithm::replace_all(line, "<", "#lt;");
        escaped.push_back(std::move(line));
    }
    return fmt::format("\"{}\"", fmt::join(escaped, "<br/>"));
}

}  // namespace

std::string draw_text(const Stack& stack) {
    return TextDrawing(stack).take();
}

std::string draw_dot(const Stack& stack) {
    const Chart chart = chart_of(stack);
    std::string text = "digraph stack {\n    node [shape=box, fontname=\"sans-serif\"];\n";
    for (const Chart::Vertex& vertex : chart.vertices) {
        text += fmt::format("    {} [label={}{}];\n", vertex.id, dot_quoted(vertex.lines),
                            vertex.is_frontend ? ", shape=cds" : "");
    }
    for (const Chart::Edge& edge : chart.edges) {
        text += fmt::format("    {} -> {} [label={}];\n", edge.from, edge.to, dot_quoted({edge.label}));
    }
    return text + "}\n";
}

std::string draw_mermaid(const Stack& stack) {
    const Chart chart = chart_of(stack);
    std::string text = "flowchart TD\n";
    for (const Chart::Vertex& vertex : chart.vertices) {
        text += fmt::format("    {}{}{}{}\n", vertex.id, vertex.is_frontend ? "([" : "[",
                            mermaid_quoted(vertex.lines), vertex.is_frontend ? "])" : "]");
    }
    for (const Chart::Edge& edge : chart.edges) {
        text += fmt::format("    {} -->|{}| {}\n", edge.from, mermaid_quoted({edge.label}), edge.to);
    }
    return text;
}

nlohmann::json graph_to_json(const Stack& stack) {
    nlohmann::json bdevs = nlohmann::json::array();
    for (const BdevSpec& bdev : stack.bdevs) {
        nlohmann::json options = nlohmann::json::object();
        for (const auto& [name, value] : bdev.given)
            options[name] = value;
        nlohmann::json bases = nlohmann::json::array();
        for (const BaseRef& base : bdev.bases) {
            bases.push_back({{"option", base.option}, {"bdev", base.bdev}});
        }
        bdevs.push_back({{"name", bdev.name},
                         {"module", bdev.module->name},
                         {"options", std::move(options)},
                         {"bases", std::move(bases)}});
    }
    nlohmann::json frontends = nlohmann::json::array();
    for (const FrontendSpec& frontend : stack.frontends) {
        nlohmann::json exports = nlohmann::json::array();
        for (const ExportSpec& exported : frontend.exports) {
            exports.push_back({{"bdev", exported.bdev},
                               {"name", exported.name},
                               {"description", exported.description},
                               {"read_only", exported.read_only}});
        }
        frontends.push_back(
            {{"kind", frontend.kind->name}, {"listen", frontend.listen}, {"exports", std::move(exports)}});
    }
    return {{"bdevs", std::move(bdevs)}, {"frontends", std::move(frontends)}};
}

}  // namespace bdevkit::host

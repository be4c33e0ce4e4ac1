// SPDX-License-Identifier: BSD-3-Clause
#include "stack/yaml.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>
#include <string_view>
#include <unordered_map>

namespace bdevkit::host {

namespace {

Location to_location(const YAML::Mark& mark) {
    return mark.is_null() ? Location{} : Location{mark.line + 1, mark.column + 1};
}

/// Thrown to end the parse; yaml-cpp passes it through.
struct Abandoned {
    Location at;
    std::string message;
};

/// The node of an anchor, with the size that each alias of it adds.
struct Built {
    ConfigNodePtr node;
    size_t nodes = 1;
    size_t depth = 1;
};

/// Builds the tree from yaml-cpp's events. yaml-cpp's own nodes are not used, because they hide duplicate
/// keys and allow cycles through aliases.
class TreeBuilder : public YAML::EventHandler {
public:
    TreeBuilder(std::string_view text, Problems& problems) : text_(text), problems_(problems) {}

    ConfigNodePtr take_root() { return std::move(root_.node); }

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        if (const std::string word = null_word(mark); !word.empty()) {
            finish({make_scalar(word, to_location(mark))}, anchor);
            return;
        }
        auto node = std::make_shared<ConfigNode>();
        node->at = to_location(mark);
        finish({node}, anchor);
    }

    void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  const std::string& value) override {
        finish({make_scalar(value, to_location(mark))}, anchor);
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto found = anchors_.find(anchor);
        if (found == anchors_.end()) {
            throw Abandoned{to_location(mark), "an alias inside the node that its anchor names"};
        }
        add_to_parent(found->second, to_location(mark));
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        start(ConfigNode::Kind::list, mark, anchor);
    }

    void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        start(ConfigNode::Kind::map, mark, anchor);
    }

    void OnSequenceEnd() override { end(); }
    void OnMapEnd() override { end(); }

private:
    /// A list or a map that is being read.
    struct Open {
        std::shared_ptr<ConfigNode> node;
        YAML::anchor_t anchor;
        size_t nodes = 1;
        size_t depth = 1;
        bool has_key = false;  ///< in a map: the next node is a value
        bool key_usable = false;
        std::string key;
        Location key_at;
        std::unordered_map<std::string, Location> keys;
        std::vector<ConfigNodePtr> merged;  ///< values of `<<`
    };

    /// The word null, if the user wrote it: it is also the name of a module.
    std::string null_word(const YAML::Mark& mark) const {
        if (mark.is_null() || static_cast<size_t>(mark.pos) >= text_.size()) return {};
        const std::string_view word = text_.substr(static_cast<size_t>(mark.pos), 4);
        return word == "null" || word == "Null" || word == "NULL" ? std::string(word) : std::string{};
    }

    void start(ConfigNode::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
        auto node = std::make_shared<ConfigNode>();
        node->kind = kind;
        node->at = to_location(mark);
        if (open_.size() >= yaml_max_depth) too_deep(node->at);
        open_.push_back({std::move(node), anchor});
    }

    void end() {
        Open done = std::move(open_.back());
        open_.pop_back();
        merge(done);
        finish({done.node, done.nodes, done.depth}, done.anchor);
    }

    void finish(const Built& built, YAML::anchor_t anchor) {
        if (anchor != 0) anchors_[anchor] = built;
        add_to_parent(built, built.node->at);
    }

    void add_to_parent(const Built& built, Location at) {
        if (open_.empty()) {
            root_ = built;
            return;
        }
        Open& parent = open_.back();
        parent.nodes += built.nodes;
        parent.depth = std::max(parent.depth, built.depth + 1);
        if (parent.depth > yaml_max_depth) too_deep(at);
        if (parent.nodes > yaml_max_nodes) {
            throw Abandoned{
                at, fmt::format("more than {} values, with aliases counted each time", yaml_max_nodes)};
        }
        if (parent.node->kind == ConfigNode::Kind::list) {
            parent.node->items.push_back(built.node);
        } else if (parent.has_key) {
            add_member(parent, built.node);
        } else {
            set_key(parent, built.node, at);
        }
    }

    void set_key(Open& map, const ConfigNodePtr& node, Location at) {
        map.has_key = true;
        map.key_at = at;
        map.key_usable = node->is_scalar();
        if (!map.key_usable) {
            problems_.add(at, fmt::format("expected a name as key, got {}", describe(*node)));
            return;
        }
        map.key = node->text;
        if (map.key == "<<") return;
        const auto [first, inserted] = map.keys.emplace(map.key, at);
        if (!inserted) {
            map.key_usable = false;
            problems_.add(at, fmt::format("key '{}' is given twice; first at {}:{}", map.key,
                                          first->second.line, first->second.column));
        }
    }

    void add_member(Open& map, const ConfigNodePtr& value) {
        map.has_key = false;
        if (!map.key_usable) return;
        if (map.key == "<<") {
            map.merged.push_back(value);
        } else {
            map.node->members.push_back({std::move(map.key), map.key_at, value});
        }
    }

    /// Adds the members of merged maps that the map itself does not have; earlier maps take precedence.
    void merge(Open& map) {
        for (const ConfigNodePtr& value : map.merged) {
            const std::vector<ConfigNodePtr> one = {value};
            for (const ConfigNodePtr& source : value->is_list() ? value->items : one) {
                if (!source->is_map()) {
                    problems_.add(source->at,
                                  fmt::format("expected a map to merge, got {}", describe(*source)));
                    continue;
                }
                for (const Member& member : source->members) {
                    if (map.keys.emplace(member.key, member.at).second) map.node->members.push_back(member);
                }
            }
        }
    }

    [[noreturn]] static void too_deep(Location at) {
        throw Abandoned{at, fmt::format("nested more than {} deep", yaml_max_depth)};
    }

    std::string_view text_;
    Problems& problems_;
    Built root_;
    std::vector<Open> open_;
    std::map<YAML::anchor_t, Built> anchors_;
};

/// The blanks that indent a line, and its first character.
struct LineStart {
    std::string_view blanks;
    char first = '\n';
};

/// @param number  from 0
LineStart start_of_line(std::string_view text, int number) {
    for (; number > 0; number--) {
        const size_t end = text.find('\n');
        if (end == std::string_view::npos) return {};
        text.remove_prefix(end + 1);
    }
    const size_t length = std::min(text.find_first_not_of(" \t"), text.size());
    return {text.substr(0, length), length < text.size() ? text[length] : '\n'};
}

/// The first tab in the indentation of the erroneous line or the line before. YAML allows only spaces there,
/// but yaml-cpp reports only the consequence of the tab.
std::optional<Location> tab_in_indentation(std::string_view text, const YAML::Mark& mark) {
    for (const int line : {mark.line - 1, mark.line}) {
        if (mark.is_null() || line < 0) continue;
        const LineStart start = start_of_line(text, line);
        const size_t tab = start.blanks.find('\t');
        const bool is_content = start.first != '\n' && start.first != '\r' && start.first != '#';
        if (tab != std::string_view::npos && is_content) return Location{line + 1, static_cast<int>(tab) + 1};
    }
    return std::nullopt;
}

/// Explains an error of yaml-cpp to the author of a file.
std::string explain(const std::string& message) {
    static const std::map<std::string_view, const char*> explanations = {
        {YAML::ErrorMsg::BLOCK_ENTRY,
         "a list cannot begin here; put each `- ` on its own line below the key"},
        {YAML::ErrorMsg::MAP_VALUE,
         "a value is not allowed here; check the indentation of the line, and quote a text that contains `: "
         "`"},
        {YAML::ErrorMsg::MAP_KEY, "a key is not allowed here; check the indentation of the line"},
        {YAML::ErrorMsg::END_OF_MAP,
         "the line's indentation differs from the lines around it, or `: ` is missing"},
        {YAML::ErrorMsg::END_OF_SEQ,
         "the line's indentation differs from the lines around it, or `- ` is missing"},
        {YAML::ErrorMsg::END_OF_MAP_FLOW, "a `{` is not closed by `}`, or a comma is missing"},
        {YAML::ErrorMsg::END_OF_SEQ_FLOW, "a `[` is not closed by `]`, or a comma is missing"},
        {YAML::ErrorMsg::FLOW_END, "a `}` or `]` that closes nothing"},
        {YAML::ErrorMsg::EOF_IN_SCALAR, "a quoted text is not closed"},
        {YAML::ErrorMsg::UNKNOWN_TOKEN, "no value begins with this character; quote the text"},
        {YAML::ErrorMsg::UNKNOWN_ANCHOR, "no anchor (`&name`) of that name precedes this alias"},
    };
    const auto found = explanations.find(message);
    return found != explanations.end() ? found->second : message;
}

Problem problem_of(const YAML::Exception& error, std::string_view text) {
    if (const auto tab = tab_in_indentation(text, error.mark))
        return {*tab, "not YAML: the line is indented with a tab; indent with spaces"};
    return {to_location(error.mark), fmt::format("not YAML: {}", explain(error.msg))};
}

}  // namespace

ConfigNodePtr parse_yaml(const std::string& text, Problems& problems) {
    TreeBuilder builder(text, problems);
    TreeBuilder second(text, problems);
    try {
        std::istringstream stream(text);
        YAML::Parser parser(stream);
        if (!parser.HandleNextDocument(builder)) {
            problems.add({1, 1}, "the file is empty; expected a map that begins with `version: 1`");
            return nullptr;
        }
        if (parser.HandleNextDocument(second)) {
            problems.add({1, 1}, "the file has more than one document (`---`); expected one");
            return nullptr;
        }
    } catch (const Abandoned& abandoned) {
        problems.add(abandoned.at, abandoned.message);
        return nullptr;
    } catch (const YAML::Exception& error) {
        const Problem problem = problem_of(error, text);
        problems.add(problem.at, problem.message);
        return nullptr;
    }
    return builder.take_root();
}

}  // namespace bdevkit::host

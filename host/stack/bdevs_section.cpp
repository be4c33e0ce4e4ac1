// SPDX-License-Identifier: BSD-3-Clause
// The section `bdevs:`, including bdevs written in place of a base's name.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "base/text.hpp"
#include "stack/nearest.hpp"
#include "stack/sections.hpp"

namespace bdevkit::host {

namespace {

class BdevsReader {
public:
    BdevsReader(std::filesystem::path folder, const ModuleSource& modules, Problems& problems)
        : folder_(std::move(folder)), modules_(modules), problems_(problems) {}

    std::vector<BdevSpec> take() { return std::move(bdevs_); }

    /// Reads one bdev and the bdevs nested in it. @return its name; empty when it has no usable name @param
    /// generated_name the name of a nested bdev without `name`
    std::string read(const ConfigNodePtr& node, const std::string& generated_name) {
        if (!node->is_map()) {
            problems_.add(node->at, fmt::format("expected a bdev (`{{ name: ..., module: ... }}`), got {}",
                                                describe(*node)));
            return {};
        }
        // An alias of a bdev that has been read means that bdev.
        const auto known = read_.find(node.get());
        if (known != read_.end()) return known->second;

        BdevSpec bdev;
        bdev.at = node->at;
        bdev.name = read_name(*node, generated_name);
        const Member* name_member = node->find("name");
        bdev.name_at = name_member != nullptr ? name_member->value->at : node->at;
        read_[node.get()] = bdev.name;
        bdev.module = read_module(*node);
        if (bdev.module == nullptr) {
            read_nested_of_unknown(*node, bdev.name);
        } else {
            read_options(*node, bdev);
        }
        std::string name = bdev.name;
        bdevs_.push_back(std::move(bdev));
        return name;
    }

private:
    std::string read_name(const ConfigNode& node, const std::string& generated_name) {
        const Member* member = node.find("name");
        if (member == nullptr) {
            if (generated_name.empty()) problems_.add(node.at, "a bdev needs 'name'");
            if (generated_name.size() > max_bdev_name) {
                problems_.add(
                    node.at,
                    "the name of the bdev above is too long to derive this bdev's name; give it a 'name'");
                return {};
            }
            return register_name(generated_name, node.at);
        }
        if (!member->value->is_scalar() || !is_usable_name(member->value->text)) {
            problems_.add(
                member->at,
                fmt::format("'name': expected 1 to {} bytes of UTF-8 without blanks and control characters, "
                            "got {}",
                            max_bdev_name, describe(*member->value)));
            return {};
        }
        return register_name(member->value->text, member->value->at);
    }

    static bool is_usable_name(const std::string& name) {
        return !name.empty() && name.size() <= max_bdev_name && name.find(' ') == std::string::npos &&
               bdk::wrong_in_name(name) == nullptr;
    }

    std::string register_name(const std::string& name, Location at) {
        if (name.empty()) return {};
        const auto [first, inserted] = names_.emplace(name, at);
        if (inserted) return name;
        problems_.add(at, fmt::format("bdev '{}' already exists, at {}:{}", name, first->second.line,
                                      first->second.column));
        return {};
    }

    const ModuleInfo* read_module(const ConfigNode& node) {
        const Member* member = node.find("module");
        if (member == nullptr) {
            problems_.add(node.at, fmt::format("a bdev needs 'module'{}", suggestion("", modules_.names())));
            return nullptr;
        }
        if (!member->value->is_scalar()) {
            problems_.add(member->at, fmt::format("'module': expected the name of a module, got {}",
                                                  describe(*member->value)));
            return nullptr;
        }
        const std::string& name = member->value->text;
        const ModuleInfo* module = modules_.find(name);
        if (module == nullptr) {
            problems_.add(member->value->at, why_no_module(name));
            return nullptr;
        }
        if (module->has_create) return module;
        problems_.add(member->value->at,
                      fmt::format("module '{}' makes bdevs only by examination; remove this bdev", name));
        return nullptr;
    }

    std::string why_no_module(const std::string& name) const {
        const std::string refused = modules_.why_refused(name);
        if (!refused.empty()) return fmt::format("module '{}' cannot be used: {}", name, refused);
        return fmt::format("no module '{}' was found{}", name, suggestion(name, modules_.names()));
    }

    /// Reads the bdevs nested in a bdev of an unknown module, so that their names are known and their faults
    /// are reported.
    void read_nested_of_unknown(const ConfigNode& node, const std::string& name) {
        const auto read_if_bdev = [&](const ConfigNodePtr& value, const std::string& generated_name) {
            if (value->is_map() && value->find("module") != nullptr) read(value, generated_name);
        };
        for (const Member& member : node.members) {
            read_if_bdev(member.value, name + "_" + member.key);
            for (size_t i = 0; i < member.value->items.size(); ++i) {
                read_if_bdev(member.value->items[i], fmt::format("{}_{}_{}", name, member.key, i));
            }
        }
    }

    void read_options(const ConfigNode& node, BdevSpec& bdev) {
        const OptionTable table = option_table_of(*bdev.module);
        std::vector<Member> members;
        for (const Member& member : node.members) {
            if (member.key == "name" || member.key == "module") continue;
            if (member.key == "qos") {
                bdev.qos = read_qos(*member.value, folder_, problems_);
                check_qos(bdev, member.at);
                continue;
            }
            const bdk_option* option = table.find(member.key);
            const bool is_base = option != nullptr && option->type == BDK_OPTION_BDEV;
            members.push_back(is_base ? read_bases(*option, member, bdev) : member);
            if (option != nullptr && !is_base) note_given(*option, *member.value, bdev);
        }
        const OptionReader reader(table, folder_, fmt::format("module '{}'", bdev.module->name));
        bdev.options = reader.read(members, bdev.at, {"name", "module", "qos"}, problems_);
        bdev.members = std::move(members);
        sort_bases(table, bdev);
    }

    void check_qos(const BdevSpec& bdev, Location at) {
        if (!bdev.module->parts) return;
        problems_.add(
            at,
            fmt::format("'qos': module '{}' makes no bdev '{}' to limit; put a passthru with 'qos' on each "
                        "bdev that it makes",
                        bdev.module->name, bdev.name));
    }

    /// The member with names in place of nested bdevs. Records the bases.
    Member read_bases(const bdk_option& option, const Member& member, BdevSpec& bdev) {
        if (!member.value->is_list()) {
            const std::string generated = fmt::format("{}_{}", bdev.name, option.name);
            return {member.key, member.at, read_base(option, member.value, generated, bdev)};
        }
        auto list = std::make_shared<ConfigNode>(*member.value);
        for (size_t i = 0; i < list->items.size(); ++i) {
            const std::string generated = fmt::format("{}_{}_{}", bdev.name, option.name, i);
            list->items[i] = read_base(option, list->items[i], generated, bdev);
        }
        return {member.key, member.at, std::move(list)};
    }

    ConfigNodePtr read_base(const bdk_option& option, const ConfigNodePtr& value,
                            const std::string& generated_name, BdevSpec& bdev) {
        ConfigNodePtr name = value;
        if (value->is_map()) {
            const std::string nested = read(value, generated_name);
            // The missing name of the nested bdev has already been reported.
            name = make_scalar(nested.empty() ? "nameless" : nested, value->at);
            if (nested.empty()) return name;
        }
        if (name->is_scalar() && !name->text.empty()) {
            bdev.bases.push_back({option.name, name->text, value->at});
        }
        return name;
    }

    static void sort_bases(const OptionTable& table, BdevSpec& bdev) {
        const std::vector<std::string> order = table.names();
        const auto position = [&](const BaseRef& base) {
            return std::find(order.begin(), order.end(), base.option) - order.begin();
        };
        std::stable_sort(bdev.bases.begin(), bdev.bases.end(),
                         [&](const BaseRef& a, const BaseRef& b) { return position(a) < position(b); });
    }

    static void note_given(const bdk_option& option, const ConfigNode& value, BdevSpec& bdev) {
        if (is_secret(option)) return;
        if (value.is_scalar()) bdev.given.emplace_back(option.name, value.text);
        if (!value.is_list()) return;
        std::vector<std::string> items;
        for (const ConfigNodePtr& item : value.items)
            items.push_back(item->text);
        bdev.given.emplace_back(option.name, fmt::format("[{}]", fmt::join(items, ", ")));
    }

    std::filesystem::path folder_;
    const ModuleSource& modules_;
    Problems& problems_;
    std::vector<BdevSpec> bdevs_;
    std::unordered_map<std::string, Location> names_;
    std::unordered_map<const ConfigNode*, std::string> read_;
};

}  // namespace

std::vector<BdevSpec> read_bdevs_section(const ConfigNode& node, const std::filesystem::path& folder,
                                         const ModuleSource& modules, Problems& problems) {
    if (!node.is_list()) {
        problems.add(node.at, fmt::format("`bdevs`: expected a list of bdevs, got {}", describe(node)));
        return {};
    }
    BdevsReader reader(folder, modules, problems);
    for (const ConfigNodePtr& item : node.items)
        reader.read(item, {});
    return reader.take();
}

BdevGraph check_bdevs(std::vector<BdevSpec>& bdevs, bool others_may_appear, Problems& problems) {
    BdevGraph graph{KnownBdevs(bdevs, others_may_appear), BaseClaims(bdevs, problems)};
    for (BdevSpec& bdev : bdevs)
        for (BaseRef& base : bdev.bases)
            base.maker = graph.known.check(base.bdev, base.at, problems);
    graph.known.check_parts(bdevs, problems);
    check_uuids(bdevs, problems);
    order_bdevs(bdevs, problems);
    return graph;
}

const Member* BdevSpec::find_member(std::string_view option) const {
    const auto found = std::find_if(members.begin(), members.end(),
                                    [&](const Member& member) { return member.key == option; });
    return found == members.end() ? nullptr : &*found;
}

}  // namespace bdevkit::host

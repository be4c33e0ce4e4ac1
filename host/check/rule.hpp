// SPDX-License-Identifier: BSD-3-Clause
// The rules that `bdevkit check` tests. Their ids are stable, because scripts and docs/check.md name them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bdevkit::host {

struct CheckRule {
    const char* id;     ///< "data.roundtrip"
    const char* says;   ///< the rule as one sentence
    const char* where;  ///< the header or document that states it
    /// The names of the cases that prove it, separated by blanks. A rule with several cases is watched in
    /// each of them instead of being tested by its own step.
    const char* cases;

    bool is_watched() const { return std::string_view(cases).find(' ') != std::string_view::npos; }
};

/// All rules, in the order of the report.
std::span<const CheckRule> check_rules();

/// The rule with that id, or nullptr.
const CheckRule* find_check_rule(std::string_view id);

/// The rules that a user selects, by shell patterns of their ids.
struct RuleChoice {
    std::vector<std::string> wanted;  ///< empty: all
    std::vector<std::string> skipped;

    bool has(const CheckRule& rule) const { return (wanted.empty() || is_wanted(rule)) && !skips(rule); }
    bool skips(const CheckRule& rule) const;

private:
    bool is_wanted(const CheckRule& rule) const;
};

/// True if a rule's id matches this pattern.
bool names_a_rule(const std::string& pattern);

/// The cases that prove the chosen rules, each once, in the order of the table.
std::vector<std::string> cases_of(const RuleChoice& choice);

}  // namespace bdevkit::host

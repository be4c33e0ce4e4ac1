// SPDX-License-Identifier: BSD-3-Clause
// The rules that `bdevkit check` proves. Their ids are stable: scripts and docs/check.md name them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bdevkit::host {

struct CheckRule {
    const char* id;     ///< "data.roundtrip"
    const char* says;   ///< what holds of a plugin that keeps it, one sentence
    const char* where;  ///< where it is written
    /// The cases that prove it, by name, separated by blanks. A rule of several cases is watched in each of
    /// them rather than tried by a step of its own.
    const char* cases;

    bool is_watched() const { return std::string_view(cases).find(' ') != std::string_view::npos; }
};

/// All of them, in the order in which they are reported.
std::span<const CheckRule> check_rules();

/// The rule of that id, or nullptr.
const CheckRule* find_check_rule(std::string_view id);

/// Which rules a user wants tried, by shell patterns of their ids.
struct RuleChoice {
    std::vector<std::string> wanted;  ///< empty: all
    std::vector<std::string> skipped;

    bool has(const CheckRule& rule) const { return (wanted.empty() || is_wanted(rule)) && !skips(rule); }
    bool skips(const CheckRule& rule) const;

private:
    bool is_wanted(const CheckRule& rule) const;
};

/// True if a rule has an id of this pattern.
bool names_a_rule(const std::string& pattern);

/// The cases that prove the chosen rules, each once, in the order of the table.
std::vector<std::string> cases_of(const RuleChoice& choice);

}  // namespace bdevkit::host

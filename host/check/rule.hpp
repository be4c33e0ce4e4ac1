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

/// True if the rule's id matches one of the shell patterns; without any, always.
bool rule_is_chosen(const CheckRule& rule, const std::vector<std::string>& patterns);

/// The cases that prove the chosen rules, each once, in the order of the table.
std::vector<std::string> cases_of(const std::vector<std::string>& patterns);

}  // namespace bdevkit::host

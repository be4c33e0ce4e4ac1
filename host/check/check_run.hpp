// SPDX-License-Identifier: BSD-3-Clause
// Checks one plugin: runs the cases that prove the selected rules, each in its own process, and combines
// their results.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "check/check_options.hpp"
#include "check/rule.hpp"

namespace bdevkit::host {

enum class RuleOutcome { ok, failed, skipped };

struct RuleResult {
    const CheckRule* rule;
    RuleOutcome outcome = RuleOutcome::skipped;
    std::string case_name;   ///< of a failure: the case that found it
    std::string seen;        ///< of a failure
    std::string expected;    ///< of a failure; may be empty
    std::string why;         ///< the reason, for a skipped rule
    std::string last_words;  ///< of a failure that ended the process: the end of its output
};

struct CheckReport {
    std::string plugin;
    std::vector<RuleResult>
        rules;  ///< the selected rules, and others that are broken, in the order of the table
    std::chrono::milliseconds duration{0};

    size_t count(RuleOutcome outcome) const;
};

/// [main thread] @param jobs  processes at a time
CheckReport check_plugin(const CheckOptions& options, size_t jobs);

}  // namespace bdevkit::host

// SPDX-License-Identifier: BSD-3-Clause
// The report of a check, for people and for programs.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "check/check_run.hpp"

namespace bdevkit::host {

/// One line for each rule, details for broken rules, and a summary.
std::string check_report_text(const CheckReport& report);

nlohmann::ordered_json check_report_json(const CheckReport& report);

/// As JUnit XML: a test case for each rule.
std::string check_report_junit(const CheckReport& report);

}  // namespace bdevkit::host

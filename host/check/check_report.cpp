// SPDX-License-Identifier: BSD-3-Clause
#include "check/check_report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "base/text.hpp"

namespace bdevkit::host {

namespace {

const char* name_of(RuleOutcome outcome) {
    switch (outcome) {
        case RuleOutcome::ok:
            return "ok";
        case RuleOutcome::failed:
            return "FAIL";
        default:
            return "skip";
    }
}

std::string indented(const std::string& text) {
    std::istringstream stream(text);
    std::string result;
    for (std::string line; std::getline(stream, line);)
        result += "        | " + line + "\n";
    return result;
}

std::string failure_text(const RuleResult& result) {
    std::string text = fmt::format("seen: {}\n", result.seen);
    if (!result.expected.empty()) text += fmt::format("expected: {}\n", result.expected);
    text += fmt::format("rule: {}\nwritten in: {}\n", result.rule->says, result.rule->where);
    return text;
}

/// Characters that XML forbids are escaped as in messages; reserved characters become entities.
std::string xml(const std::string& text) {
    std::string result;
    for (const char c : bdk::printable_lines(text)) {
        if (c == '&')
            result += "&amp;";
        else if (c == '<')
            result += "&lt;";
        else if (c == '>')
            result += "&gt;";
        else if (c == '"')
            result += "&quot;";
        else
            result += c;
    }
    return result;
}

std::string seconds(const CheckReport& report) {
    return fmt::format("{:.1f}", double(report.duration.count()) / 1000);
}

}  // namespace

std::string check_report_text(const CheckReport& report) {
    std::string text;
    for (const RuleResult& result : report.rules) {
        text += fmt::format("{:<5} {}", name_of(result.outcome), result.rule->id);
        if (result.outcome == RuleOutcome::skipped) text += fmt::format("  ({})", result.why);
        text += "\n";
        if (result.outcome != RuleOutcome::failed) continue;
        std::istringstream lines(failure_text(result));
        for (std::string line; std::getline(lines, line);)
            text += "      " + line + "\n";
        if (!result.last_words.empty()) text += "      last output:\n" + indented(result.last_words);
    }
    text += fmt::format("{}: {} rules: {} ok, {} broken, {} skipped ({} s)\n", report.plugin,
                        report.rules.size(), report.count(RuleOutcome::ok), report.count(RuleOutcome::failed),
                        report.count(RuleOutcome::skipped), seconds(report));
    return text;
}

nlohmann::ordered_json check_report_json(const CheckReport& report) {
    nlohmann::ordered_json rules = nlohmann::ordered_json::array();
    for (const RuleResult& result : report.rules) {
        nlohmann::ordered_json rule = {
            {"rule", result.rule->id},
            {"outcome", result.outcome == RuleOutcome::failed ? "fail" : name_of(result.outcome)},
            {"says", result.rule->says},
            {"where", result.rule->where}};
        if (result.outcome == RuleOutcome::skipped) rule["why"] = result.why;
        if (result.outcome == RuleOutcome::failed) {
            rule["case"] = result.case_name;
            rule["seen"] = result.seen;
            rule["expected"] = result.expected;
            if (!result.last_words.empty()) rule["last_words"] = result.last_words;
        }
        rules.push_back(std::move(rule));
    }
    return {{"plugin", report.plugin},
            {"ok", report.count(RuleOutcome::ok)},
            {"failed", report.count(RuleOutcome::failed)},
            {"skipped", report.count(RuleOutcome::skipped)},
            {"seconds", double(report.duration.count()) / 1000},
            {"rules", std::move(rules)}};
}

std::string check_report_junit(const CheckReport& report) {
    std::string text = "<?xml version='1.0' encoding='UTF-8'?>\n";
    text += fmt::format(
        "<testsuite name=\"bdevkit check {}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" time=\"{}\">\n",
        xml(report.plugin), report.rules.size(), report.count(RuleOutcome::failed),
        report.count(RuleOutcome::skipped), seconds(report));
    for (const RuleResult& result : report.rules) {
        const std::string id = result.rule->id;
        text += fmt::format("  <testcase classname=\"{}\" name=\"{}\"", id.substr(0, id.find('.')), id);
        if (result.outcome == RuleOutcome::failed)
            text += fmt::format("><failure message=\"{}\">{}</failure></testcase>\n", xml(result.seen),
                                xml(failure_text(result) + result.last_words));
        else if (result.outcome == RuleOutcome::skipped)
            text += fmt::format("><skipped message=\"{}\"/></testcase>\n", xml(result.why));
        else
            text += "/>\n";
    }
    return text + "</testsuite>\n";
}

}  // namespace bdevkit::host

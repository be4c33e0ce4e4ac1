// SPDX-License-Identifier: BSD-3-Clause
#include "check/case_end.hpp"

#include <nlohmann/json.hpp>

namespace bdevkit::host {

namespace {

std::string text_of(const nlohmann::json& message, const char* key) {
    const auto found = message.find(key);
    return found != message.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

void take_line(CaseEnd& end, const std::string& line) {
    const nlohmann::json message = nlohmann::json::parse(line, nullptr, false);
    if (!message.is_object()) return;  // cut off when the process died, or not written by the Recorder
    const std::string kind = text_of(message, "kind"), rule = text_of(message, "rule");
    if (kind == "end") end.complete = true;
    if (kind == "begin") end.current = rule;
    if (kind == "stuck") end.is_stuck = true;
    if (rule.empty() || kind == "stuck") return;
    Told& told = end.rules[rule];
    if (told.kind == "fail") return;
    told = {kind, text_of(message, "seen"), text_of(message, "expected")};
}

}  // namespace bdevkit::host

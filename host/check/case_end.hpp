// SPDX-License-Identifier: BSD-3-Clause
// What the process of a case has told its parent. A plugin ran in it, so it may have written anything.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace bdevkit::host {

/// What one case has told of a rule.
struct Told {
    std::string kind;  ///< of the last message: "begin", "ok", "fail", "skip"
    std::string seen, expected;
};

/// What one case has told.
struct CaseEnd {
    std::map<std::string, Told> rules;
    std::string current;     ///< the rule that was begun last
    bool complete = false;   ///< it has come to its end
    bool is_stuck = false;   ///< it has ended itself because something did not end, and has told which rule
    std::string last_words;  ///< if it is not complete
};

/// Takes one line of the Recorder's. Lines that are none of its messages are left aside.
void take_line(CaseEnd& end, const std::string& line);

}  // namespace bdevkit::host

// SPDX-License-Identifier: BSD-3-Clause
// The messages that the process of a case has sent to its parent. A plugin ran in that process, so the bytes
// may be anything.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace bdevkit::host {

/// The result of one rule in one case.
struct Told {
    std::string kind;  ///< from the last message: "begin", "ok", "fail", "skip"
    std::string seen, expected;
};

/// The results of one case.
struct CaseEnd {
    std::map<std::string, Told> rules;
    std::string current;    ///< the rule that was begun last
    bool complete = false;  ///< the case has run to its end
    bool is_stuck =
        false;  ///< the case ended itself because a call or I/O did not end, and has reported the rule
    std::string last_words;  ///< the last output, if the case is not complete
};

/// Takes one line from the Recorder. Lines that are not its messages are ignored.
void take_line(CaseEnd& end, const std::string& line);

}  // namespace bdevkit::host

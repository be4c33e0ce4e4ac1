// SPDX-License-Identifier: BSD-3-Clause
// Running another program to its end.
#pragma once

#include <string>
#include <vector>

namespace bdevkit::host {

struct ChildResult {
    int error = 0;  ///< an errno when the program could not be started: ENOENT when it is not there
    int exit_code = 0;
    std::string output;  ///< standard output and error
};

/// Runs command[0], looked for in PATH, without a shell and with nothing to read.
/// @param folder  that it works in; "": this one
ChildResult run_child(const std::vector<std::string>& command, const std::string& folder = "");

}  // namespace bdevkit::host

// SPDX-License-Identifier: BSD-3-Clause
// Runs another program until it exits.
#pragma once

#include <string>
#include <vector>

namespace bdevkit::host {

struct ChildResult {
    int error = 0;  ///< an errno if the program could not be started: ENOENT if it does not exist
    int exit_code = 0;
    std::string output;  ///< standard output and error
};

/// Runs command[0], searched in PATH, without a shell and with empty input. @param folder its working folder;
/// "": this process's
ChildResult run_child(const std::vector<std::string>& command, const std::string& folder = "");

}  // namespace bdevkit::host

// SPDX-License-Identifier: BSD-3-Clause
// A process of its own for one case: this program again, with arguments that say which.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace bdevkit::host {

/// How it went.
struct ChildEnd {
    std::vector<std::string> lines;  ///< what came through the pipe of results
    std::string last_words;          ///< the end of what it wrote to standard output and error
    bool timed_out = false;          ///< it was killed
    int signal = 0;                  ///< that ended it; 0: none
    int exit_code = 0;               ///< if it has exited

    /// "it was ended by SIGSEGV (Segmentation fault)".
    std::string text() const;
};

/// The descriptor that the child writes its results to.
constexpr int child_result_fd = 3;

/// [any thread] Runs this program with `arguments`, its name first, and waits for its end, `timeout` at most.
/// Throws std::system_error when it cannot be started.
ChildEnd run_case_process(const std::vector<std::string>& arguments, std::chrono::milliseconds timeout);

}  // namespace bdevkit::host

// SPDX-License-Identifier: BSD-3-Clause
// A separate process for one case: it runs this program again, with arguments that name the case.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace bdevkit::host {

/// The result of the process.
struct ChildEnd {
    std::vector<std::string> lines;  ///< the bytes received through the result pipe
    std::string last_words;          ///< the end of its standard output and error
    bool timed_out = false;          ///< it was killed
    int signal = 0;                  ///< the signal that ended it; 0: none
    int exit_code = 0;               ///< if it has exited

    /// "it was killed by SIGSEGV (Segmentation fault)".
    std::string text() const;
};

/// The descriptor to which the child writes its results.
constexpr int child_result_fd = 3;

/// [any thread] Runs this program with `arguments`, its name first, and waits at most `timeout` until it
/// exits. Throws std::system_error when it cannot be started.
ChildEnd run_case_process(const std::vector<std::string>& arguments, std::chrono::milliseconds timeout);

}  // namespace bdevkit::host

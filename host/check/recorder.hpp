// SPDX-License-Identifier: BSD-3-Clause
// In the process of a case: reports the results to the parent, rule by rule.
#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "check/rule.hpp"

namespace bdevkit::host {

/// A step throws this when the rule that it tests is broken.
struct Broken {
    std::string seen;
    std::string expected = {};
};

/// A step throws this when the rule does not apply to this plugin.
struct NotApplicable {
    std::string why;
};

/// Sends one line of JSON per message to the parent. A process has one Recorder.
class Recorder {
public:
    /// @param fd where the lines go @param chosen the selected rules
    Recorder(int fd, RuleChoice chosen);
    ~Recorder();
    Recorder(const Recorder&) = delete;
    Recorder& operator=(const Recorder&) = delete;

    /// [main thread] Runs a step that tests a rule. @return false when the rule is broken or not selected
    bool step(const char* rule, const std::function<void()>& fn);

    /// [any thread] The rule is broken. Only the first time for each rule counts.
    void fail(const std::string& rule, const std::string& seen, const std::string& expected = {});

    /// [any thread] Reports that a call or I/O does not end, and ends the process, since nothing can be
    /// undone.
    [[noreturn]] void stuck(const std::string& rule, const std::string& seen);

    /// [any thread] Like stuck(), for the rule of the current step.
    [[noreturn]] void stuck_here(const std::string& seen);

    /// [any thread] Reports that an exception has left a callback of the plugin, and ends the process.
    [[noreturn]] void exception_left(const std::exception_ptr& exception);

    /// [main thread] Failures from now on are blamed on this rule.
    void begin(const char* rule);

    /// [any thread] True once a rule was broken.
    bool has_failed() const;

    /// [main thread] The case has run to its end.
    void end();

    /// [main thread] Ends the case and the process without cleaning up, because the leftovers of a broken
    /// rule would be reported a second time.
    [[noreturn]] void leave();

    /// [any thread] The rule that is being tested.
    std::string current() const;

    static Recorder& instance();

private:
    static void take_log_line(std::string_view line);
    void judge(std::string_view line);
    void send(const char* kind, const std::string& rule, const std::string& seen,
              const std::string& expected);

    static std::atomic<Recorder*> instance_;
    const int fd_;
    const RuleChoice chosen_;
    const bool runs_all_;  ///< a watched rule is selected, so every step of its cases runs
    mutable std::mutex mutex_;
    std::string current_;
    std::vector<std::string> failed_;
};

}  // namespace bdevkit::host

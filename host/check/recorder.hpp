// SPDX-License-Identifier: BSD-3-Clause
// In the process of a case: tells the parent what was found, rule by rule.
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

/// What a step throws when the rule it tries is broken.
struct Broken {
    std::string seen;
    std::string expected = {};
};

/// What a step throws when the rule does not concern this plugin.
struct NotApplicable {
    std::string why;
};

/// One line of JSON for each message goes to the parent. One in a process.
class Recorder {
public:
    /// @param fd      where the lines go
    /// @param chosen  the rules that are asked for
    Recorder(int fd, RuleChoice chosen);
    ~Recorder();
    Recorder(const Recorder&) = delete;
    Recorder& operator=(const Recorder&) = delete;

    /// [main thread] Runs a step that tries a rule. @return false when it is broken, or was not asked for
    bool step(const char* rule, const std::function<void()>& fn);

    /// [any thread] The rule is broken. Only the first time for each rule counts.
    void fail(const std::string& rule, const std::string& seen, const std::string& expected = {});

    /// [any thread] Something does not end: says so and ends the process, since nothing can be undone.
    [[noreturn]] void stuck(const std::string& rule, const std::string& seen);

    /// [any thread] As stuck(), for the rule of the step that runs.
    [[noreturn]] void stuck_here(const std::string& seen);

    /// [any thread] An exception has left a callback of the plugin: says so and ends the process.
    [[noreturn]] void exception_left(const std::exception_ptr& exception);

    /// [main thread] What goes wrong from now on is this rule's.
    void begin(const char* rule);

    /// [any thread] True once a rule was broken.
    bool has_failed() const;

    /// [main thread] The case has come to its end.
    void end();

    /// [main thread] Ends the case and the process, undoing nothing: what a broken rule leaves behind would
    /// be blamed a second time.
    [[noreturn]] void leave();

    /// [any thread] The rule that is being tried.
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
    const bool runs_all_;  ///< a watched rule was asked for: what it watches is done whole
    mutable std::mutex mutex_;
    std::string current_;
    std::vector<std::string> failed_;
};

}  // namespace bdevkit::host

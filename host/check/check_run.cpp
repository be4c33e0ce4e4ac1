// SPDX-License-Identifier: BSD-3-Clause
#include "check/check_run.hpp"

#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <iterator>
#include <mutex>
#include <set>
#include <sstream>
#include <system_error>
#include <thread>

#include "check/case_end.hpp"
#include "check/child.hpp"

namespace bdevkit::host {

namespace {

namespace fs = std::filesystem;

/// A folder for a case, removed afterwards with its content.
class Scratch {
public:
    Scratch() {
        std::string name = (fs::temp_directory_path() / "bdevkit-check-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category(), name);
        path_ = name;
    }
    ~Scratch() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

constexpr const char* sanitizer_reports[] = {
    "ERROR: AddressSanitizer:", "WARNING: ThreadSanitizer:", ": runtime error: "};

/// The position of a sanitizer's report; npos without one.
size_t find_sanitizer_report(const std::string& words) {
    size_t first = std::string::npos;
    for (const char* report : sanitizer_reports)
        first = std::min(first, words.find(report));
    return first == std::string::npos ? first : words.rfind('\n', first) + 1;
}

/// The part for a reader: the last lines, or the first lines of a sanitizer's report.
std::string tail(const std::string& text) {
    constexpr size_t lines = 40;
    size_t begin = find_sanitizer_report(text), end = begin;
    if (begin != std::string::npos) {
        for (size_t i = 0; i < lines && end != std::string::npos; i++)
            end = text.find('\n', end + 1);
        return text.substr(begin, end - begin);
    }
    begin = text.size();
    for (size_t i = 0; i <= lines && begin != std::string::npos && begin != 0; i++)
        begin = text.rfind('\n', begin - 1);
    return begin == std::string::npos || begin == 0 ? text : text.substr(begin + 1);
}

void fail(CaseEnd& end, const std::string& rule, std::string seen, std::string expected) {
    Told& told = end.rules[rule];
    if (told.kind != "fail") told = {"fail", std::move(seen), std::move(expected)};
}

std::vector<std::string> arguments_of(const CheckOptions& options, const std::string& name,
                                      const fs::path& scratch) {
    std::vector<std::string> arguments = {"bdevkit",
                                          "check",
                                          options.plugin.string(),
                                          "--case=" + name,
                                          "--scratch=" + scratch.string(),
                                          fmt::format("--timeout={}ms", options.timeout.count()),
                                          fmt::format("--base-size={}", options.base_size),
                                          fmt::format("--base-block-size={}", options.base_block_size)};
    if (!options.module.empty()) arguments.push_back("--module=" + options.module);
    if (!options.base_image.empty()) arguments.push_back("--base-image=" + options.base_image.string());
    for (const auto& [key, value] : options.given)
        arguments.push_back(fmt::format("--option={}={}", key, value));
    for (const std::string& pattern : options.rules.wanted)
        arguments.push_back("--rule=" + pattern);
    for (const std::string& pattern : options.rules.skipped)
        arguments.push_back("--skip=" + pattern);
    return arguments;
}

CaseEnd run_one(const CheckOptions& options, const std::string& name) {
    const Scratch scratch;
    // The case ends itself when its time is up; this ends a case that cannot.
    const ChildEnd child = run_case_process(arguments_of(options, name, scratch.path()),
                                            options.timeout + std::chrono::seconds(10));
    CaseEnd end;
    for (const std::string& line : child.lines)
        take_line(end, line);
    if (!end.complete) end.last_words = tail(child.last_words);
    if (!end.complete && !end.is_stuck)
        fail(end, end.current.empty() ? "load.open" : end.current,
             fmt::format("the plugin's process did not run to its end: {}", child.text()),
             "a plugin that neither crashes nor ends the process");
    if (find_sanitizer_report(child.last_words) != std::string::npos) {
        fail(end, "sanitizer.silent", "a sanitizer reported an error (see its report below)", "nothing");
        end.last_words = tail(child.last_words);
    }
    return end;
}

/// The rules that are known to be broken. [any thread]
class BrokenRules {
public:
    explicit BrokenRules(const RuleChoice& choice) {
        for (const CheckRule& rule : check_rules())
            if (choice.has(rule)) left_.insert(rule.id);
    }
    void take(const CaseEnd& end) {
        const std::scoped_lock lock(mutex_);
        for (const auto& [rule, told] : end.rules)
            if (told.kind == "fail") left_.erase(rule);
    }
    /// True once all rules are known to be broken.
    bool all_are() {
        const std::scoped_lock lock(mutex_);
        return left_.empty();
    }

private:
    std::mutex mutex_;
    std::set<std::string> left_;
};

/// Runs the cases, several at a time. @return the results of each, in the order of `names`
std::vector<CaseEnd> run_all(const CheckOptions& options, const std::vector<std::string>& names,
                             size_t jobs) {
    std::vector<CaseEnd> ends(names.size());
    std::vector<std::exception_ptr> thrown(names.size());
    std::atomic<size_t> next{0};
    BrokenRules broken(options.rules);
    const auto work = [&] {
        for (size_t i = next++; i < names.size() && !broken.all_are(); i = next++) {
            try {
                ends[i] = run_one(options, names[i]);
                broken.take(ends[i]);
            } catch (...) {
                thrown[i] = std::current_exception();
            }
        }
    };
    std::vector<std::thread> workers;
    for (size_t i = 0; i < std::min(jobs, names.size()); i++)
        workers.emplace_back(work);
    for (std::thread& worker : workers)
        worker.join();
    for (const std::exception_ptr& exception : thrown)
        if (exception != nullptr) std::rethrow_exception(exception);
    return ends;
}

/// Whether any step ran in the case. Without one, the case proves nothing about the rules that it watches.
bool has_tried(const CaseEnd& end) {
    return std::ranges::any_of(end.rules, [](const auto& told) { return told.second.kind == "ok"; });
}

/// Combines the results of the rule's cases.
RuleResult judge(const CheckRule& rule, const std::vector<std::string>& names,
                 const std::vector<CaseEnd>& ends) {
    RuleResult result{.rule = &rule};
    size_t proved = 0;
    for (size_t i = 0; i < ends.size(); i++) {
        const auto told = ends[i].rules.find(rule.id);
        const std::string kind = told == ends[i].rules.end() ? "" : told->second.kind;
        if (kind == "fail") {
            return {.rule = &rule,
                    .outcome = RuleOutcome::failed,
                    .case_name = names[i],
                    .seen = told->second.seen,
                    .expected = told->second.expected,
                    .why = {},
                    .last_words = ends[i].last_words};
        }
        if (kind == "skip") result.why = told->second.seen;
        std::istringstream cases(rule.cases);
        const bool mine = std::any_of(std::istream_iterator<std::string>(cases), {},
                                      [&](const std::string& name) { return name == names[i]; });
        const bool watched = rule.is_watched() && mine && ends[i].complete;
        if (watched && result.why.empty()) result.why = "nothing could be tried";
        if (kind == "ok" || (watched && has_tried(ends[i]))) proved++;
    }
    if (proved != 0) result.outcome = RuleOutcome::ok;
    if (result.why.empty()) result.why = "its case ended before this rule was tested";
    return result;
}

}  // namespace

size_t CheckReport::count(RuleOutcome outcome) const {
    return size_t(std::count_if(rules.begin(), rules.end(),
                                [&](const RuleResult& result) { return result.outcome == outcome; }));
}

CheckReport check_plugin(const CheckOptions& options, size_t jobs) {
    const auto begin = std::chrono::steady_clock::now();
    const std::vector<std::string> names = cases_of(options.rules);
    const std::vector<CaseEnd> ends = run_all(options, names, jobs);
    CheckReport report{.plugin = options.plugin.string()};
    for (const CheckRule& rule : check_rules()) {
        if (options.rules.skips(rule)) continue;
        RuleResult result = judge(rule, names, ends);
        // A rule that turned out to be broken is reported even if it was not selected: it may have kept
        // others from being tested.
        if (options.rules.has(rule) || result.outcome == RuleOutcome::failed)
            report.rules.push_back(std::move(result));
    }
    report.duration =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
    return report;
}

}  // namespace bdevkit::host

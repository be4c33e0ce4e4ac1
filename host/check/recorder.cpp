// SPDX-License-Identifier: BSD-3-Clause
#include "check/recorder.hpp"

#include <cxxabi.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <memory>
#include <nlohmann/json.hpp>
#include <typeinfo>

#include "check/rule.hpp"
#include "diag/pending_calls.hpp"
#include "json/json_text.hpp"
#include "log/log.hpp"

namespace bdevkit::host {

namespace {

/// Log messages of the core, and the rule that each of them breaks. The first match counts.
struct Report {
    std::string_view words;
    const char* rule;
    const char* expected;
};

constexpr Report reports[] = {
    {"completed twice", "io.once", "one completion of each bdev_io"},
    {"a freed bdev_io was completed", "io.once", "one completion of each bdev_io"},
    {"that the module no longer owns was completed", "io.once", "no use of a bdev_io after it was forwarded"},
    {"rule 3 broken", "io.thread", "a message to bdk_bdev_io_get_thread(io), and the completion there"},
    {"rule 5 broken", "thread.block", "a reactor that is never held"},
    {" broken: a bdev_io was freed", "leak.bdev_io", "one bdk_bdev_free_io() for each bdev_io"},
    {"rule broken: examine_config returned without", "examine.done", "a done call before it returns"},
    {"rule broken: bdk_bdev_module_", "abi.done", "one done call for each examination"},
    {"rule broken: bdk_module_", "abi.done", "one done call for each BDK_PENDING"},
    {"that the module does not own was forwarded", "io.once", "one forward or completion of each bdev_io"},
    {" broken: ", "thread.owner", "use by the thread that owns it, or a message to that thread"},
    {": an exception left ", "abi.exceptions", "an errno"},
    {"was not unregistered before the host stopped", "leak.io_device", "no io_device after removal"},
    {"bdev_ios that were not freed", "leak.bdev_io", "bdk_bdev_free_io() for each bdev_io"},
    {"iobuf buffers of", "leak.iobuf", "bdk_iobuf_put() for each buffer"},
    {"exits although it still has", "leak.channel", "nothing that belongs to a thread after removal"},
    {"bdk_thread_exit() was not called on thread", "leak.thread", "bdk_thread_exit() on each thread made"},
};

bool watched_rule_chosen(const RuleChoice& chosen) {
    return std::any_of(check_rules().begin(), check_rules().end(),
                       [&](const CheckRule& rule) { return rule.is_watched() && chosen.has(rule); });
}

std::string demangled(const std::type_info& type) {
    int status = 0;
    const std::unique_ptr<char, void (*)(void*)> name(
        abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), std::free);
    return status == 0 ? name.get() : type.name();
}

/// "std::runtime_error: its text", or only the type.
std::string text_of(const std::exception_ptr& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const std::exception& error) {
        return demangled(typeid(error)) + ": " + error.what();
    } catch (...) {
        return demangled(*abi::__cxa_current_exception_type());
    }
}

/// The line without level, thread and component.
std::string_view without_head(std::string_view line) {
    const size_t component = line.find("] ");
    if (component == std::string_view::npos) return line;
    const size_t text = line.find(": ", component);
    return text == std::string_view::npos ? line : line.substr(text + 2);
}

void write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written <= 0) return;
        text.remove_prefix(size_t(written));
    }
}

}  // namespace

std::atomic<Recorder*> Recorder::instance_{nullptr};

Recorder::Recorder(int fd, RuleChoice chosen)
    : fd_(fd), chosen_(std::move(chosen)), runs_all_(watched_rule_chosen(chosen_)) {
    instance_ = this;
    bdk::set_log_sink(take_log_line);
}

Recorder::~Recorder() {
    bdk::set_log_sink(nullptr);
    instance_ = nullptr;
}

Recorder& Recorder::instance() {
    return *instance_;
}

void Recorder::begin(const char* rule) {
    const std::scoped_lock lock(mutex_);
    current_ = rule;
    send("begin", rule, {}, {});
}

bool Recorder::has_failed() const {
    const std::scoped_lock lock(mutex_);
    return !failed_.empty();
}

bool Recorder::step(const char* rule, const std::function<void()>& fn) {
    const CheckRule& known = *find_check_rule(rule);
    if (chosen_.skips(known) || (!runs_all_ && !chosen_.has(known))) return false;
    begin(rule);
    try {
        fn();
    } catch (const Broken& broken) {
        fail(rule, broken.seen, broken.expected);
    } catch (const NotApplicable& not_applicable) {
        send("skip", rule, not_applicable.why, {});
        return true;
    } catch (const std::exception& error) {
        fail(rule, error.what());
    }
    const std::scoped_lock lock(mutex_);
    const bool ok = std::find(failed_.begin(), failed_.end(), rule) == failed_.end();
    if (ok) send("ok", rule, {}, {});
    return ok;
}

void Recorder::fail(const std::string& rule, const std::string& seen, const std::string& expected) {
    if (const CheckRule* known = find_check_rule(rule); known != nullptr && chosen_.skips(*known)) return;
    const std::scoped_lock lock(mutex_);
    if (std::find(failed_.begin(), failed_.end(), rule) != failed_.end()) return;
    failed_.push_back(rule);
    send("fail", rule, seen, expected);
}

void Recorder::stuck(const std::string& rule, const std::string& seen) {
    std::string text = seen;
    constexpr size_t most_told = 8;
    const auto calls = bdk::describe_pending_calls();
    for (size_t i = 0; i < std::min(calls.size(), most_told); i++)
        text += "; " + calls[i];
    if (calls.size() > most_told) text += "; and others";
    fail(rule, text, "an end within the time given (--timeout)");
    send("stuck", rule, {}, {});
    _exit(0);
}

void Recorder::stuck_here(const std::string& seen) {
    stuck(current(), seen);
}

void Recorder::exception_left(const std::exception_ptr& exception) {
    const std::string rule = current();
    fail("abi.exceptions",
         "an exception left a callback of the module" + (rule.empty() ? "" : " during " + rule) + ": " +
             text_of(exception),
         "an errno or a failed I/O");
    send("stuck", "abi.exceptions", {}, {});
    _exit(0);
}

void Recorder::end() {
    send("end", {}, {}, {});
}

void Recorder::leave() {
    end();
    _exit(0);
}

std::string Recorder::current() const {
    const std::scoped_lock lock(mutex_);
    return current_;
}

void Recorder::take_log_line(std::string_view line) {
    const std::string text = std::string(line) + "\n";
    write_all(STDERR_FILENO, text);
    if (Recorder* recorder = instance_.load()) recorder->judge(line);
}

void Recorder::judge(std::string_view line) {
    for (const Report& report : reports) {
        if (line.find(report.words) == std::string_view::npos) continue;
        return fail(report.rule, std::string(without_head(line)), report.expected);
    }
}

void Recorder::send(const char* kind, const std::string& rule, const std::string& seen,
                    const std::string& expected) {
    const nlohmann::json message = {{"kind", kind}, {"rule", rule}, {"seen", seen}, {"expected", expected}};
    // A plugin's texts may hold any bytes.
    write_all(fd_, bdk::json_text(message) + "\n");
}

}  // namespace bdevkit::host

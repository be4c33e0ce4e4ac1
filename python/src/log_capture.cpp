// SPDX-License-Identifier: BSD-3-Clause
#include "log_capture.hpp"

#include <bdevkit/log.h>
#include <pybind11/stl.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "diag/watchdog.hpp"
#include "log/log.hpp"
#include "log/violation.hpp"
#include "python_lock.hpp"

namespace bdevkit::python {

namespace {

/// The most lines that are kept until they are taken.
constexpr size_t max_lines = 100'000;

struct Captured {
    std::mutex mutex;
    std::deque<std::string> lines;
    std::atomic<bool> echo{true};
};

/// Never destroyed, because a module may log while the process exits.
Captured& captured() {
    static auto* instance = new Captured;
    return *instance;
}

void keep_line(std::string_view line) {
    if (captured().echo) bdk::log_plain(line);
    const std::lock_guard lock(captured().mutex);
    captured().lines.emplace_back(line);
    if (captured().lines.size() > max_lines) captured().lines.pop_front();
}

std::vector<std::string> take_lines() {
    bdk::flush_log(
        std::chrono::milliseconds(500));  // so that echoed lines come before the caller's own output
    const std::lock_guard lock(captured().mutex);
    std::vector<std::string> lines(captured().lines.begin(), captured().lines.end());
    captured().lines.clear();
    return lines;
}

}  // namespace

void bind_log(py::module_& module) {
    module.def("log_capture", [](bool on, bool echo) {
        captured().echo = echo;
        bdk::set_log_sink(on ? keep_line : nullptr);
    });
    module.def("log_take", take_lines, py::call_guard<WithoutGil>());
    module.def("log_level", [](const std::string& name) {
        const auto level = bdk::log_level_from_name(name);
        if (!level) throw py::value_error("expected error, warn, notice, info or debug, got '" + name + "'");
        bdk::set_log_level(*level);
    });
    module.def("log", [](const std::string& level, const std::string& component, const py::str& message) {
        // A line may contain a path with invalid UTF-8, and logging must not fail.
        const auto bytes = py::reinterpret_steal<py::bytes>(
            PyUnicode_AsEncodedString(message.ptr(), "utf-8", "backslashreplace"));
        if (!bytes) throw py::error_already_set();
        const auto text = bytes.cast<std::string>();
        const WithoutGil without_gil;
        bdk_log(bdk::log_level_from_name(level).value_or(BDK_LOG_NOTICE), component.c_str(), nullptr, 0, "%s",
                text.c_str());
    });
    module.def("violations", [] { return bdk::violation_count(); });
    module.def("watchdog_reports", [] { return bdk::watchdog_report_count(); });
}

}  // namespace bdevkit::python

// SPDX-License-Identifier: BSD-3-Clause
#include "log/log.hpp"

#include <bdevkit/log.h>
#include <bdevkit/thread.h>
#include <fmt/format.h>

#include <array>
#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <new>
#include <string>

#include "base/file_name.hpp"
#include "base/symbol.hpp"
#include "base/text.hpp"
#include "log/log_writer.hpp"

namespace bdk {
namespace {

constexpr std::array<std::string_view, 5> level_names = {"error", "warn", "notice", "info", "debug"};

uint32_t level_at_start() {
    // This library never changes the environment.
    const char* wanted = std::getenv("BDEVKIT_LOG");  // NOLINT(concurrency-mt-unsafe)
    return wanted == nullptr ? BDK_LOG_NOTICE : log_level_from_name(wanted).value_or(BDK_LOG_NOTICE);
}

std::atomic<uint32_t>& current_level() {
    static std::atomic<uint32_t> level{level_at_start()};
    return level;
}

std::atomic<void (*)(std::string_view)> g_sink{nullptr};

/// For plugins compiled without BDK_LOG_COMPONENT, log.h passes "plugin".
bool is_unnamed(const char* component) {
    return component == nullptr || std::string_view(component) == "plugin";
}

/// The line as the caller wrote it, without a line end. Both lists hold the same arguments.
std::string format_message(const char* fmt, va_list to_measure, va_list to_write) {
    // The analyser does not see that the caller has started both.
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized)
    const int length = std::vsnprintf(nullptr, 0, fmt, to_measure);
    if (length <= 0) return {};
    std::string text(static_cast<size_t>(length) + 1, '\0');
    std::vsnprintf(text.data(), text.size(), fmt, to_write);
    text.resize(static_cast<size_t>(length));
    while (!text.empty() && text.back() == '\n')
        text.pop_back();
    return text;
}

}  // namespace

void set_log_level(uint32_t level) {
    current_level().store(level, std::memory_order_relaxed);
}

std::optional<uint32_t> log_level_from_name(std::string_view name) {
    for (uint32_t level = 0; level < level_names.size(); ++level) {
        if (level_names[level] == name) return level;
    }
    return std::nullopt;
}

void set_log_sink(void (*sink)(std::string_view line)) {
    g_sink.store(sink);
}

bool flush_log(std::chrono::milliseconds patience) noexcept {
    return LogWriter::instance().flush(patience);
}

void log_plain(std::string_view line) noexcept {
    LogWriter::instance().write(line);
}

}  // namespace bdk

bool bdk_log_enabled(uint32_t level) {
    return level <= bdk::current_level().load(std::memory_order_relaxed);
}

namespace bdk {
namespace {

/// A message may contain foreign text. Its further lines are indented, so that they cannot look like separate
/// entries.
std::string as_entry(std::string_view text) {
    std::string entry;
    for (const char c : printable_lines(text)) {
        if (!entry.empty() && entry.back() == '\n' && c != ' ') entry += "    ";
        entry += c;
    }
    return entry;
}

/// "2026-11-30 14:05:09.123 "
std::string time_now() {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    tm local{};
    localtime_r(&now.tv_sec, &local);
    return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03} ", local.tm_year + 1900, local.tm_mon + 1,
                       local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec, now.tv_nsec / 1'000'000);
}

/// If the user has asked for more than notices, all lines are wanted: only the ring limits them.
bool is_limited(uint32_t level) {
    return level <= BDK_LOG_NOTICE;
}

/// The origin of a message: a line of the source, or the component if no line is given.
LogLimit::Place place_of(const char* component, const char* file, int32_t line) {
    if (file != nullptr) return {file, line, file};
    const char* name = component == nullptr ? "?" : component;
    return {reinterpret_cast<const void*>(std::hash<std::string_view>{}(name) | 1), 0, name};
}

/// False when the line is not wanted.
bool is_wanted(uint32_t level, const LogLimit::Place& place) {
    if (!bdk_log_enabled(level)) return false;
    return g_sink.load() != nullptr || !is_limited(level) || LogWriter::instance().admit(place);
}

void write_line(uint32_t level, const char* component, const char* file, int32_t line,
                std::string_view message) {
    const bdk_thread* thread = bdk_get_thread();
    const std::string_view level_name =
        level < level_names.size() ? level_names[level] : std::string_view("debug");
    std::string text =
        as_entry(fmt::format("{:<6} [{}] {}: {}", level_name,
                             thread == nullptr ? "-" : bdk_thread_get_name(thread), component, message));
    if (level <= BDK_LOG_WARN && file != nullptr) {
        text += fmt::format(" ({}:{})", file_name_of(file), line);
    }
    if (auto* sink = g_sink.load()) {
        sink(text);
    } else {
        LogWriter::instance().write(time_now() + text);
    }
}

}  // namespace

void log_for_caller(uint32_t level, const char* component, const char* file, int32_t line, const void* caller,
                    std::string_view message) noexcept {
    try {
        if (is_wanted(level, {caller == nullptr ? file : caller, line, file}))
            write_line(level, component, file, line, message);
    } catch (const std::bad_alloc&) {
        // Without memory, the line is lost.
    }
}

}  // namespace bdk

namespace bdk {
namespace {

/// Writes what text() returns. Without memory, the line is lost.
template <class Text>
void write_as(uint32_t level, const char* component, const char* file, int32_t line, const void* caller,
              Text&& text) {
    try {
        std::string named;
        if (is_unnamed(component)) {
            named = object_stem_of(caller);
            component = named.c_str();
        }
        write_line(level, component, file, line, text());
    } catch (const std::bad_alloc&) {
    }
}

}  // namespace
}  // namespace bdk

void bdk_log(uint32_t level, const char* component, const char* file, int32_t line, const char* fmt, ...) {
    if (!bdk::is_wanted(level, bdk::place_of(component, file, line))) return;
    va_list to_measure;
    va_list to_write;
    va_start(to_measure, fmt);
    va_start(to_write, fmt);
    bdk::write_as(level, component, file, line, __builtin_return_address(0),
                  [&] { return bdk::format_message(fmt, to_measure, to_write); });
    va_end(to_write);
    va_end(to_measure);
}

void bdk_log_text(uint32_t level, const char* component, const char* file, int32_t line, const char* text) {
    if (!bdk::is_wanted(level, bdk::place_of(component, file, line))) return;
    bdk::write_as(level, component, file, line, __builtin_return_address(0),
                  [=] { return std::string(text); });
}

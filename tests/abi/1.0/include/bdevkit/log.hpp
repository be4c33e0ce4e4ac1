// SPDX-License-Identifier: BSD-3-Clause
/// @file log.hpp
/// Log lines from C++, printf's way. The macros of log.h work as well.
#pragma once

#include <bdevkit/log.h>
#include <bdevkit/visibility.hpp>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <string>

namespace BDEVKIT_HIDDEN bdevkit {

enum class LogLevel : uint32_t {
    error = BDK_LOG_ERROR,
    warn = BDK_LOG_WARN,
    notice = BDK_LOG_NOTICE,
    info = BDK_LOG_INFO,
    debug = BDK_LOG_DEBUG,
};

namespace detail {

inline std::string vformat(const char* fmt, va_list args) {
    char text[512];
    va_list again;
    va_copy(again, args);
    const int length = std::vsnprintf(text, sizeof(text), fmt, args);
    std::string result(text, length < 0 ? 0 : std::min<size_t>(size_t(length), sizeof(text) - 1));
    if (length >= int(sizeof(text))) {
        result.resize(size_t(length));
        std::vsnprintf(result.data(), result.size() + 1, fmt, again);
    }
    va_end(again);
    return result;
}

}  // namespace detail

/// [any thread] A string made as printf would.
[[gnu::format(printf, 1, 2)]] inline std::string format(const char* fmt, ...) {
    va_list args;
    va_start(args, fmt);
    std::string result = detail::vformat(fmt, args);
    va_end(args);
    return result;
}

/// [any thread] One line, with the place of the call.
inline void log(LogLevel level, const char* component, const std::string& message,
                const char* file = __builtin_FILE(), int line = __builtin_LINE()) noexcept {
    bdk_log(uint32_t(level), component, file, line, "%s", message.c_str());
}

}  // namespace bdevkit

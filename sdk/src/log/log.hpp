// SPDX-License-Identifier: BSD-3-Clause
// The process-wide log level. Lines are written with the macros of <bdevkit/log.h>, by the library as well.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/export.hpp"

namespace bdk {

/// [any thread] Sets the level: from now on lines up to `level` (BDK_LOG_ERROR...) are written. The initial
/// level comes from the environment variable BDEVKIT_LOG, otherwise it is BDK_LOG_NOTICE.
BDK_INTERNAL void set_log_level(uint32_t level);

/// The level with the name `name` (error, warn, notice, info, debug).
BDK_INTERNAL std::optional<uint32_t> log_level_from_name(std::string_view name);

/// [any thread] From now on lines go to `sink` (nullptr: standard error). Without a line end.
BDK_INTERNAL void set_log_sink(void (*sink)(std::string_view line));

/// How long the end of the process waits for a log that may have no reader.
inline constexpr std::chrono::milliseconds time_for_last_words{300};

/// [any thread, signal handler] Waits until the lines so far have been written. A separate pthread writes
/// them, so that no reactor waits for a slow reader: see LogWriter. For code that ends the process or prints
/// directly. @return false when that has taken longer than `patience`
BDK_INTERNAL bool flush_log(std::chrono::milliseconds patience) noexcept;

/// [any thread] Adds a line to the log unchanged, without time and level. Needs no memory.
BDK_INTERNAL void log_plain(std::string_view line) noexcept;

/// [any thread] Like bdk_log(), for a report about many callers. LogLimit limits the lines of one place, and
/// here each caller counts as a separate place.
BDK_INTERNAL void log_for_caller(uint32_t level, const char* component, const char* file, int32_t line,
                                 const void* caller, std::string_view message) noexcept;

}  // namespace bdk

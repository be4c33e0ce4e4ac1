// SPDX-License-Identifier: BSD-3-Clause
// The process-wide log level. Lines are written with the macros of <bdevkit/log.h>, by the library as well.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/export.hpp"

namespace bdk {

/// [any thread] Lines up to `level` (BDK_LOG_ERROR...) are written from now on. The level at start is that of
/// the environment variable BDEVKIT_LOG, else BDK_LOG_NOTICE.
BDK_INTERNAL void set_log_level(uint32_t level);

/// The level that `name` (error, warn, notice, info, debug) stands for.
BDK_INTERNAL std::optional<uint32_t> log_level_from_name(std::string_view name);

/// [any thread] From now on lines go to `sink` (nullptr: standard error). Without a line end.
BDK_INTERNAL void set_log_sink(void (*sink)(std::string_view line));

}  // namespace bdk

// SPDX-License-Identifier: BSD-3-Clause
// Explains an error that a limit of the process has caused, with the command that shows the limit.
#pragma once

#include <string>

#include "base/export.hpp"

namespace bdk {

/// [any thread] ": the user may have 40 processes and threads (ulimit -u): raise the limit, or end some" of
/// EAGAIN. Likewise for EMFILE (ulimit -n), ENOMEM (ulimit -v) and EFBIG (ulimit -f). Empty where no limit
/// is set that explains the error.
/// @param error  an errno, positive or negative
BDK_INTERNAL std::string limit_text(int error);

/// [any thread] "Resource temporarily unavailable" with limit_text().
BDK_INTERNAL std::string errno_text_with_limit(int error);

}  // namespace bdk

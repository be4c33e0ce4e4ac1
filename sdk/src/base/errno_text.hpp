// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <system_error>

namespace bdk {

/// [any thread] The text of an errno: "No such device" for -ENODEV or ENODEV.
inline std::string errno_text(int rc) {
    return std::generic_category().message(rc < 0 ? -rc : rc);
}

}  // namespace bdk

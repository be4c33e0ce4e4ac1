// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <tl/expected.hpp>

#include "stack/problem.hpp"

namespace bdevkit::host {

/// Why what was asked of a running host was refused.
struct ChangeError {
    int error = 0;  ///< an errno
    std::string message;
    bool in_options = false;  ///< they are wrong: the message has a line for each fault
};

template <typename T>
using Changed = tl::expected<T, ChangeError>;

/// "what: the errno in words".
tl::unexpected<ChangeError> refuse(int rc, const std::string& what);

/// The options are wrong. Places in a text that nobody has written help nobody, and are left out.
tl::unexpected<ChangeError> refuse(const Problems& problems);

}  // namespace bdevkit::host

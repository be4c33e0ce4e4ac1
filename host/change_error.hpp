// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <tl/expected.hpp>

#include "stack/problem.hpp"

namespace bdevkit::host {

/// The reason why a running host refused a change.
struct ChangeError {
    int error = 0;  ///< an errno
    std::string message;
    bool in_options = false;  ///< the options are wrong: the message has a line for each fault
};

template <typename T>
using Changed = tl::expected<T, ChangeError>;

/// An error "WHAT: text of the errno".
tl::unexpected<ChangeError> refuse(int rc, const std::string& what);

/// An error for wrong options. Line numbers are left out, because they would refer to a text that the user
/// did not write.
tl::unexpected<ChangeError> refuse(const Problems& problems);

}  // namespace bdevkit::host

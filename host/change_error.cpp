// SPDX-License-Identifier: BSD-3-Clause
#include "change_error.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace bdevkit::host {

tl::unexpected<ChangeError> refuse(int rc, const std::string& what) {
    const int error = std::abs(rc);
    const std::string why =
        error == ESHUTDOWN ? "the host is stopping" : std::generic_category().message(error);
    return tl::unexpected(ChangeError{error, fmt::format("{}: {}", what, why)});
}

tl::unexpected<ChangeError> refuse(const Problems& problems) {
    std::string text;
    for (const Problem& problem : problems.sorted())
        text += (text.empty() ? "" : "\n") + problem.message;
    return tl::unexpected(ChangeError{EINVAL, text, true});
}

}  // namespace bdevkit::host

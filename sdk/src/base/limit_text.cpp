// SPDX-License-Identifier: BSD-3-Clause
#include "base/limit_text.hpp"

#include <sys/resource.h>

#include <cerrno>
#include <cstdlib>

#include "base/errno_text.hpp"

namespace bdk {
namespace {

/// The soft limit as `ulimit` prints it; empty when there is none.
std::string limit_of(__rlimit_resource_t resource, rlim_t unit) {
    rlimit limit{};
    if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return {};
    return std::to_string(limit.rlim_cur / unit);
}

}  // namespace

std::string limit_text(int error) {
    std::string limit;
    switch (std::abs(error)) {
        case EAGAIN:
            limit = limit_of(RLIMIT_NPROC, 1);
            if (limit.empty()) break;
            return ": the user may have " + limit +
                   " processes and threads (ulimit -u): raise the limit, or end some";
        case EMFILE:
            limit = limit_of(RLIMIT_NOFILE, 1);
            if (limit.empty()) break;
            return ": the process may have " + limit + " files open (ulimit -n): raise the limit";
        case ENOMEM:
            limit = limit_of(RLIMIT_AS, 1024);
            if (limit.empty()) break;
            return ": the process may have " + limit + " KiB of address space (ulimit -v): raise the limit";
        case EFBIG:
            limit = limit_of(RLIMIT_FSIZE, 1024);
            if (limit.empty()) break;
            return ": a file may have " + limit + " KiB (ulimit -f): raise the limit";
        default:
            break;
    }
    return {};
}

std::string errno_text_with_limit(int error) {
    return errno_text(error) + limit_text(error);
}

}  // namespace bdk

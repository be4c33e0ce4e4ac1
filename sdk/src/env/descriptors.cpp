// SPDX-License-Identifier: BSD-3-Clause
#include "env/descriptors.hpp"

#include <dirent.h>
#include <fcntl.h>

#include <charconv>
#include <cstring>
#include <memory>

namespace bdk {
namespace {

std::set<int> open_descriptors() {
    std::set<int> result;
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc/self/fd"), closedir);
    if (folder == nullptr) return result;
    // Only this function uses the folder's stream.
    while (const dirent* entry = readdir(folder.get())) {  // NOLINT(concurrency-mt-unsafe)
        const char* end = entry->d_name + std::strlen(entry->d_name);
        int fd = -1;
        if (std::from_chars(entry->d_name, end, fd).ptr == end && fd != dirfd(folder.get()))
            result.insert(fd);
    }
    return result;
}

}  // namespace

ClosedOnExec::ClosedOnExec() : before_(open_descriptors()) {}

ClosedOnExec::~ClosedOnExec() {
    for (const int fd : open_descriptors())
        if (!before_.contains(fd)) fcntl(fd, F_SETFD, FD_CLOEXEC);
}

}  // namespace bdk

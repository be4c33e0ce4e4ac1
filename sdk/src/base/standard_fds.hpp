// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <fcntl.h>
#include <unistd.h>

namespace bdk {

/// [before the process opens anything of its own] Opens /dev/null for each closed descriptor of 0 to 2.
/// Otherwise the next eventfd or socket would become standard output or error, and log lines would be written
/// into it.
inline void hold_standard_descriptors() noexcept {
    // open() takes the lowest free number, so the loop goes upwards.
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd) return;
}

}  // namespace bdk

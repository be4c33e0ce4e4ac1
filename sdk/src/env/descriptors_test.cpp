// SPDX-License-Identifier: BSD-3-Clause
#include "env/descriptors.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/standard_fds.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

/// Every descriptor that a child would inherit, by its target, such as "memfd:nohuge".
std::vector<std::string> inherited() {
    std::vector<std::string> result;
    for (int fd = STDERR_FILENO + 1; fd < 256; ++fd) {
        const int flags = fcntl(fd, F_GETFD);
        if (flags < 0 || (flags & FD_CLOEXEC) != 0) continue;
        std::error_code error;
        result.push_back(std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), error));
    }
    return result;
}

// DPDK opens a memfd with the heap, an epoll, a timer and pipes, all of them to be inherited.
TEST(DescriptorsTest, AChildInheritsNothingOfTheHost) {
    const std::vector<std::string> before = inherited();
    const auto runtime = Runtime::start(test_runtime_options());
    ASSERT_TRUE(runtime) << runtime.error();
    EXPECT_EQ(inherited(), before);
}

TEST(DescriptorsTest, WhatWasOpenBeforeStaysAsItWas) {
    const int kept = dup(STDERR_FILENO);
    int opened = -1;
    {
        const ClosedOnExec closed_on_exec;
        opened = dup(STDERR_FILENO);
    }
    EXPECT_EQ(fcntl(kept, F_GETFD), 0);
    EXPECT_EQ(fcntl(opened, F_GETFD), FD_CLOEXEC);
    close(kept);
    close(opened);
}

TEST(DescriptorsTest, ClosedStandardDescriptorsAreHeld) {
    const int kept = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 100);
    close(STDIN_FILENO);
    hold_standard_descriptors();
    EXPECT_EQ(std::filesystem::read_symlink("/proc/self/fd/0"), "/dev/null");
    dup2(kept, STDIN_FILENO);
    close(kept);
}

}  // namespace
}  // namespace bdk::test

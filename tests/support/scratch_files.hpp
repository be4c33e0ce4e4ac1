// SPDX-License-Identifier: BSD-3-Clause
// Files for the modules crypto, trace and uring, for tests with another subject.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace bdk::test {

/// Where files are that come and go: in memory, since a busy disk may take half a minute to flush. The
/// environment variable BDEVKIT_TEST_FOLDER has another place.
inline std::string scratch_path(const std::string& name) {
    const char* given = std::getenv("BDEVKIT_TEST_FOLDER");
    const std::string folder = given != nullptr                       ? given
                               : access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm"
                                                                      : testing::TempDir();
    return folder + "/bdevkit_test." + name + "." + std::to_string(getpid());
}

/// A key for the module crypto that any test may use, in a file that is there until the program ends.
inline const std::string& test_key_file() {
    struct File {
        File() : path(testing::TempDir() + "test_key.XXXXXX") {
            const int fd = mkstemp(path.data());
            if (fd < 0) throw std::runtime_error("cannot make a file in " + testing::TempDir());
            for (char byte = 0; byte < 64; byte++)
                if (write(fd, &byte, 1) != 1) throw std::runtime_error("cannot write " + path);
            close(fd);
        }
        ~File() { std::filesystem::remove(path); }
        std::string path;
    };
    static const File file;
    return file.path;
}

}  // namespace bdk::test

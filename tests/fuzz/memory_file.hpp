// SPDX-License-Identifier: BSD-3-Clause
// A file with an input's bytes, for what reads files by their path.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "fuzz_input.hpp"

namespace bdk::fuzz {

class MemoryFile {
public:
    explicit MemoryFile(Bytes content) : fd_(memfd_create("fuzz", MFD_CLOEXEC)) {
        must_hold(fd_ >= 0 && write(fd_, content.data(), content.size()) == ssize_t(content.size()),
                  "a file in memory can be made");
    }
    ~MemoryFile() { close(fd_); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;

    int fd() const { return fd_; }
    std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

private:
    int fd_;
};

}  // namespace bdk::fuzz

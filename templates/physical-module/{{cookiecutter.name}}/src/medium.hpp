// SPDX-License-Identifier: {{cookiecutter.license}}
// The storage of the data: memory, until you put your device here. It does not depend on bdevkit, so its
// tests need no host.
#pragma once

#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <system_error>

/// Offsets and lengths are in bytes, and within the size.
class Medium {
public:
    /// Throws std::system_error. Pages cost nothing until they are written, so the constructor is fast enough
    /// for the reactor.
    explicit Medium(uint64_t size) : size_(size) {
        void* start =
            mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (start == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
        start_ = static_cast<std::byte*>(start);
    }
    ~Medium() { munmap(start_, size_); }
    Medium(const Medium&) = delete;
    Medium& operator=(const Medium&) = delete;

    std::byte* at(uint64_t offset) const { return start_ + offset; }
    void zero(uint64_t offset, uint64_t length) { std::memset(at(offset), 0, length); }

private:
    uint64_t size_;
    std::byte* start_ = nullptr;
};

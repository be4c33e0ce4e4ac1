// SPDX-License-Identifier: BSD-3-Clause
// The bytes of a base. They are zero at first, and memory is allocated only where other data have been
// written.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>
#include <span>

namespace bdevkit::host {

class GrowingMemory {
public:
    /// The constructor and grow() throw std::bad_alloc.
    explicit GrowingMemory(size_t bytes) : bytes_(bytes) {
        constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
        start_ = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
        if (start_ == MAP_FAILED) throw std::bad_alloc();
    }
    ~GrowingMemory() { munmap(start_, bytes_); }
    GrowingMemory(const GrowingMemory&) = delete;
    GrowingMemory& operator=(const GrowingMemory&) = delete;

    /// The content stays, but may move to another address.
    void grow(size_t bytes) {
        void* moved = mremap(start_, bytes_, bytes, MREMAP_MAYMOVE);
        if (moved == MAP_FAILED) throw std::bad_alloc();
        start_ = moved;
        bytes_ = bytes;
    }

    std::span<std::byte> bytes() const { return {static_cast<std::byte*>(start_), bytes_}; }

private:
    void* start_;
    size_t bytes_;
};

}  // namespace bdevkit::host

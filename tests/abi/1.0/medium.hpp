// SPDX-License-Identifier: BSD-3-Clause
// What holds the data: memory, until you put your device here. It knows nothing of bdevkit, so that its
// tests need no host.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

/// Offsets and lengths are in bytes, and within the size.
class Medium {
public:
    /// Throws std::bad_alloc. Pages cost nothing until they are written.
    explicit Medium(uint64_t size) : bytes_(static_cast<std::byte*>(std::calloc(size, 1))) {
        if (bytes_ == nullptr) throw std::bad_alloc();
    }

    std::byte* at(uint64_t offset) const { return bytes_.get() + offset; }
    void zero(uint64_t offset, uint64_t length) { std::memset(at(offset), 0, length); }

private:
    struct Free {
        void operator()(std::byte* bytes) const { std::free(bytes); }
    };
    std::unique_ptr<std::byte, Free> bytes_;
};

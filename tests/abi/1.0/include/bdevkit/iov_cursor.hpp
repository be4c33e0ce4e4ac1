// SPDX-License-Identifier: BSD-3-Clause
/// @file iov_cursor.hpp
/// Going through the data of an I/O, whatever pieces they come in.
#pragma once

#include <sys/uio.h>
#include <bdevkit/visibility.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace BDEVKIT_HIDDEN bdevkit {

/// Goes through the bytes of an iovec array. Whoever takes from it knows that there are enough.
class IovCursor {
public:
    explicit IovCursor(const iovec* iovs) noexcept : iov_(iovs) {}

    /// Calls fn(std::byte* bytes, size_t length) for the pieces of the next `n` bytes.
    template <class Fn>
    void take(size_t n, Fn&& fn) {
        while (n != 0) {
            const size_t left = iov_->iov_len - at_;
            if (left == 0) {
                iov_++;
                at_ = 0;
                continue;
            }
            const size_t length = std::min(n, left);
            fn(static_cast<std::byte*>(iov_->iov_base) + at_, length);
            at_ += length;
            n -= length;
        }
    }

    /// How many of the next bytes lie side by side. Only where there are more.
    size_t contiguous() {
        for (; iov_->iov_len == at_; iov_++)
            at_ = 0;
        return iov_->iov_len - at_;
    }

    void skip(size_t n) {
        take(n, [](std::byte*, size_t) {});
    }

    /// Copies the next `n` bytes to `to`.
    void read(std::byte* to, size_t n) {
        take(n, [&](const std::byte* bytes, size_t length) {
            std::memcpy(to, bytes, length);
            to += length;
        });
    }

    /// Copies `n` bytes from `from` to the next ones.
    void write(const std::byte* from, size_t n) {
        take(n, [&](std::byte* bytes, size_t length) {
            std::memcpy(bytes, from, length);
            from += length;
        });
    }

private:
    const iovec* iov_;
    size_t at_ = 0;  ///< bytes taken of *iov_
};

/// True if the iovecs hold `bytes` or more.
inline bool iovs_hold(const iovec* iovs, int32_t count, uint64_t bytes) noexcept {
    for (int32_t i = 0; i < count && bytes != 0; i++)
        bytes -= std::min<uint64_t>(bytes, iovs[i].iov_len);
    return bytes == 0;
}

}  // namespace bdevkit

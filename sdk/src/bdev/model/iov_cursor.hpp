// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace bdk {

/// A position in the data of an I/O, which are in an array of iovecs.
struct IovCursor {
    uint32_t index = 0;
    uint64_t offset = 0;  ///< bytes into iovs[index]

    /// The contiguous data at the cursor, at most `most` bytes; moves the cursor past them. There must be
    /// data left.
    iovec take(const iovec* iovs, uint64_t most) noexcept {
        while (offset == iovs[index].iov_len) {
            index++;
            offset = 0;
        }
        iovec piece{static_cast<std::byte*>(iovs[index].iov_base) + offset,
                    std::min<uint64_t>(iovs[index].iov_len - offset, most)};
        offset += piece.iov_len;
        return piece;
    }

    /// The number of calls take(iovs, longest) for the next `bytes` bytes.
    size_t pieces(const iovec* iovs, uint64_t bytes, uint64_t longest = UINT64_MAX) const noexcept {
        IovCursor at = *this;
        size_t count = 0;
        for (; bytes != 0; count++)
            bytes -= at.take(iovs, std::min(bytes, longest)).iov_len;
        return count;
    }
};

}  // namespace bdk

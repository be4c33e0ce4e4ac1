// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace bdk {

/// A place in the data of an I/O, which lie in an array of iovecs.
struct IovCursor {
    uint32_t index = 0;
    uint64_t offset = 0;  ///< bytes into iovs[index]

    /// The data from here on that lie side by side, at most `most` bytes; the cursor goes past them. There
    /// must be some.
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
};

}  // namespace bdk

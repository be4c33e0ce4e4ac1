// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <vector>

#include "model/random.hpp"

namespace bdk::test {

/// A client's buffer: pieces of any length at any address, with guard bytes between them.
class ScatteredBuffer {
public:
    /// Lays out `bytes` in 1 to `max_pieces` pieces. `simple`: the pieces have lengths and addresses that are
    /// multiples of 4096 where possible, like the pieces of a client that knows what disks prefer.
    void lay_out(Random& random, size_t bytes, size_t max_pieces);

    void put(std::span<const std::byte> data);
    void get(std::span<std::byte> data) const;
    bool are_gaps_untouched() const;

    iovec* iovs() { return iovs_.data(); }
    int32_t count() const { return int32_t(iovs_.size()); }

private:
    std::vector<std::byte> memory_;
    std::vector<iovec> iovs_;
};

}  // namespace bdk::test

// SPDX-License-Identifier: BSD-3-Clause
// The expected content of a bdev's blocks, and the blocks in use by I/O in flight.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bdk::test {

/// A block's content is named by a stamp: all of its bytes follow from it.
using Stamp = uint64_t;
constexpr Stamp zeroes = 0;
constexpr Stamp undefined = UINT64_MAX;

/// Writes the content that belongs to the stamp.
void fill(std::span<std::byte> block, Stamp stamp);
bool matches(std::span<const std::byte> block, Stamp stamp);

struct BlockRange {
    uint64_t offset;
    uint64_t count;
};

/**
 * [any thread] Who does I/O claims its blocks first: alone to change them, with others to read. So what each
 * holds is known although several threads write.
 */
class BlockModel {
public:
    BlockModel(uint64_t blocks, Stamp all) : stamps_(blocks, all), users_(blocks) {}

    uint64_t size() const { return stamps_.size(); }
    bool claim(BlockRange range, bool to_change);
    void release(BlockRange range, bool to_change);

    /// Claim the block before at(), and claim it to change before set().
    Stamp at(uint64_t block) const { return stamps_[block]; }
    void set(uint64_t block, Stamp stamp) { stamps_[block] = stamp; }
    bool is_defined(BlockRange range) const;

private:
    static constexpr int changing = -1;

    std::vector<Stamp> stamps_;
    std::vector<std::atomic<int>> users_;  ///< how many read it; `changing`
};

}  // namespace bdk::test

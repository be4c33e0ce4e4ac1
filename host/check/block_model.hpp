// SPDX-License-Identifier: BSD-3-Clause
// A model of the data that a range of a bdev must hold after each I/O.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "check/client.hpp"
#include "check/transfer.hpp"

namespace bdevkit::host {

/// A range that only this model changes. Every I/O is done on the bdev and on a copy in memory, and reads are
/// compared. An unmapped block may hold anything until its first read, and keeps that content afterwards.
class BlockModel {
public:
    /// Reads the present content of the range. @param count blocks: whole units
    BlockModel(CheckClient& client, uint64_t first, uint64_t count);

    uint64_t units() const { return count_ / unit_; }

    // Each changes `units` units, beginning at unit `at` of the range. `by` is any client of the same bdev.
    void write(CheckClient& by, uint64_t at, uint64_t units, uint64_t seed);
    void zero(CheckClient& by, uint64_t at, uint64_t units);
    void unmap(CheckClient& by, uint64_t at, uint64_t units);
    void copy(CheckClient& by, uint64_t to, uint64_t from, uint64_t units);
    /// Throws Broken when the data differ.
    void read(CheckClient& by, uint64_t at, uint64_t units);
    /// Reads the first and the last unit of a range, and the units beside it, one by one.
    void read_edges(CheckClient& by, uint64_t at, uint64_t units);
    void read_all(CheckClient& by) { read(by, 0, units()); }

private:
    uint64_t block(uint64_t unit) const { return first_ + unit * unit_; }
    void note(const std::string& what, uint64_t at, uint64_t units);
    void must(const CheckResult& result) const;

    const uint64_t unit_, first_, count_;
    const size_t unit_bytes_;
    Bytes expected_;
    uint64_t zeroings_ = 0;
    std::vector<bool> open_;         ///< by unit: unmapped, and not read since
    std::vector<std::string> last_;  ///< the last operations, for messages
};

}  // namespace bdevkit::host

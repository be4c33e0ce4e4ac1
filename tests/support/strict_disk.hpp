// SPDX-License-Identifier: BSD-3-Clause
// A RAM disk that takes nothing beyond the limits that it has declared, and completes in any order.
#pragma once

#include <bdevkit/poller.h>

#include <random>
#include <string>
#include <vector>

#include "support/raw_disk.hpp"

namespace bdk::test {

/// All its I/O runs on the app thread. Set what `bdev` declares before add_strict().
class StrictDisk : public RawDisk {
public:
    explicit StrictDisk(std::string name, uint64_t num_blocks = 1024) : RawDisk(std::move(name), num_blocks) {
        io_types =
            BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_READ) | BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_WRITE) |
            BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_FLUSH) | BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_RESET) |
            BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_ABORT);
    }

    /// [app thread] As RawDisk::add().
    int add_strict();

    /// An I/O as it came.
    struct Seen {
        uint32_t type;
        uint64_t offset, blocks;
        int32_t iovcnt;
        bool operator==(const Seen&) const = default;
    };
    std::vector<Seen> came;

    /// The first thing that was wrong with an I/O; empty: nothing.
    std::string wrong;
    /// Completes in a random order and later, if seeded; NOMEM now and then.
    void shuffle(uint64_t seed);
    /// [app thread] Ends shuffle().
    void calm();

    std::vector<std::byte> md;  ///< separate metadata

private:
    void take(bdk_bdev_io* io);
    std::string check(const bdk_bdev_io* io) const;
    void execute(bdk_bdev_io* io);
    void transfer(bdk_bdev_io* io);
    bool equal(const bdk_bdev_io* io, const iovec* iovs, int32_t count) const;
    void store(const bdk_bdev_io* io, const iovec* iovs, int32_t count);
    int complete_some();

    std::vector<bdk_bdev_io*> pending_;
    std::mt19937_64 random_;
    bdk_poller* poller_ = nullptr;
};

}  // namespace bdk::test

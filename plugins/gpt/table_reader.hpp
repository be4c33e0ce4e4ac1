// SPDX-License-Identifier: BSD-3-Clause
// Reads the table of a disk.
#pragma once

#include <bdevkit/bdevkit.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "table.hpp"

/// What was found: partitions, or why not.
struct TableFound {
    std::vector<Partition> partitions;
    int rc = 0;           ///< 0 or a negative errno
    std::string problem;  ///< of rc
    std::string damage;   ///< of the primary table where the backup was used
};

/// One reading under way: the primary table, and if that is damaged the backup at the end of the disk.
/// Deletes itself at its end.
class TableReader {
public:
    using Done = std::function<void(const TableFound&)>;

    /// Which disks may have a table.
    enum class Look {
        anywhere,
        after_protective_mbr,  ///< without one nothing more is read
    };

    /// [app thread] done() runs later, here, with the bdev closed again. Throws Error when it cannot be read.
    static void start(const char* bdev, Look look, Done done);

private:
    TableReader(const char* bdev, Look look, Done done);

    void on_event(uint32_t type, bdk_bdev*) { removed_ |= type == BDK_BDEV_EVENT_REMOVE; }

    /// Reads `bytes` from the block on, then calls the member.
    void read(uint64_t block, uint64_t bytes, void (TableReader::*then)());
    /// Runs fn(), and goes on to the backup, or ends, when it throws.
    template <class Fn>
    void attempt(Fn fn);
    void read_start();
    void read_backup();
    void read_header();
    void read_entries();
    void failed(const bdevkit::Error& error);
    void finish();

    std::span<const std::byte> buffer(uint64_t bytes) const { return {buffer_.get(), bytes}; }

    Look look_;
    bool last_try_;  ///< there is no other place to look for a table
    Done done_;
    bdevkit::Desc desc_;
    bdevkit::IoChannel channel_;
    std::unique_ptr<std::byte, decltype(&bdk_dma_free)> buffer_{nullptr, bdk_dma_free};
    uint64_t header_block_ = 1;
    GptHeader header_{};
    bool removed_ = false;
    TableFound found_;
};

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
    int rc = 0;                     ///< 0 or a negative errno
    std::string problem;            ///< of rc
    std::string damage;             ///< of the primary table where the backup was used
    std::string backup;             ///< what is wrong with the backup where the primary table was used
    uint32_t other_block_size = 0;  ///< bytes; of the blocks that the table is for, where it is not for these
};

/// One reading under way: the primary table, and then the backup at the end of the disk, which is used where
/// the primary one is damaged, and is checked where it is not. Where there is neither, a table for blocks of
/// another size is looked for, to say so. Deletes itself at its end.
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
    void begin_check_of_backup();
    void check_backup_header();
    void check_backup_entries();
    void begin_search_for_other_block_size();
    void search_for_other_block_size();
    void failed(const bdevkit::Error& error);
    void finish();

    std::span<const std::byte> buffer(uint64_t bytes) const { return {buffer_.get(), bytes}; }

    /// What a failure means.
    enum class Stage {
        primary,  ///< the backup may do
        backup,   ///< there is no other place to look for a table
        check,    ///< of the backup; the partitions are known
        search,   ///< for a table of another block size; what to say else is known
    };

    Look look_;
    Stage stage_;
    bool may_have_table_ = true;
    Done done_;
    bdevkit::Desc desc_;
    bdevkit::IoChannel channel_;
    std::unique_ptr<std::byte, decltype(&bdk_dma_free)> buffer_{nullptr, bdk_dma_free};
    uint64_t header_block_ = 1;
    GptHeader header_{}, backup_{};
    bool removed_ = false;
    TableFound found_;
};

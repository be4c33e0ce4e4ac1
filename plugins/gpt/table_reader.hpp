// SPDX-License-Identifier: BSD-3-Clause
// Reads the table of a disk.
#pragma once

#include <bdevkit/bdevkit.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "table.hpp"

/// The result: partitions, or an error.
struct TableFound {
    std::vector<Partition> partitions;
    int rc = 0;                     ///< 0 or a negative errno
    std::string problem;            ///< text of rc
    std::string damage;             ///< the fault of the primary table, if the backup was used
    std::string backup;             ///< the fault of the backup, if the primary table was used
    uint32_t other_block_size = 0;  ///< the table's block size in bytes, if it differs from the disk's
};

/// Reads the primary table, and then the backup at the end of the disk. If the primary table is damaged, the
/// backup is used; otherwise the backup is only checked. If the disk has neither, it looks for a table for
/// another block size, to report it. Deletes itself at its end.
class TableReader {
public:
    using Done = std::function<void(const TableFound&)>;

    /// The disks that are read completely.
    enum class Look {
        anywhere,
        after_protective_mbr,  ///< only disks with a protective MBR
    };

    /// [app thread] done() runs later, here, with the bdev closed again. Throws Error when it cannot be read.
    static void start(const char* bdev, Look look, Done done);

private:
    TableReader(const char* bdev, Look look, Done done);

    void on_event(uint32_t type, bdk_bdev*) { removed_ |= type == BDK_BDEV_EVENT_REMOVE; }

    /// Reads `bytes` bytes beginning at the block, then calls the member function.
    void read(uint64_t block, uint64_t bytes, void (TableReader::*then)());
    /// Runs fn(). If it throws, continues with the backup or ends.
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

    /// The consequence of a failure.
    enum class Stage {
        primary,  ///< try the backup
        backup,   ///< there is no other place to look for a table
        check,    ///< only the backup is faulty; the partitions are known
        search,   ///< during the search for a table of another block size; the error to report otherwise is
                  ///< known
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

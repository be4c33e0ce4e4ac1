// SPDX-License-Identifier: BSD-3-Clause
// Parses a GUID partition table (UEFI specification 2.10, chapter 5). The contents of a disk may be
// malicious, so everything is checked before it is used.
#pragma once

#include <bdevkit/bdevkit.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

struct Partition {
    uint32_t number;  ///< from 1
    bdk_uuid type, guid;
    uint64_t first_block, last_block;
    std::string name;  ///< UTF-8, without control characters
};

/// The position of a table according to its header.
struct GptHeader {
    uint64_t alternate;  ///< the other header's block
    uint64_t first_usable, last_usable;
    uint64_t entries_block;
    uint32_t entry_count, entry_size, entries_crc;

    uint64_t entries_bytes() const noexcept { return uint64_t{entry_count} * entry_size; }
};

/// The kind of partitioning according to the first block of a disk.
enum class Mbr {
    none,        ///< no table of any kind
    protective,  ///< there is a GPT
    other,       ///< partitioned with an MBR only
};
Mbr read_mbr(std::span<const std::byte> block);

/// Checks the header at block `at`. Throws Error for an invalid header.
GptHeader read_gpt_header(std::span<const std::byte> block, uint64_t at, uint64_t num_blocks);

/// Whether two headers, both already checked, describe the same partitions.
bool describe_same_table(const GptHeader& a, const GptHeader& b) noexcept;

/// Limits of the block size of a disk with a table, in bytes.
constexpr uint32_t least_block_size = 512, largest_block_size = 65536;

/// The block size in bytes for which a primary header is in the right place, or 0. @param start the first
/// bytes of the disk, which has `disk_bytes`
uint32_t block_size_of_table(std::span<const std::byte> start, uint64_t disk_bytes);

/// Checks the entries and returns those in use, ordered by number. Throws Error for invalid entries.
std::vector<Partition> read_gpt_entries(std::span<const std::byte> entries, const GptHeader& header);

/// The text form of RFC 4122.
std::string text_of(const bdk_uuid& uuid);

// SPDX-License-Identifier: BSD-3-Clause
// What a GUID partition table says (UEFI specification 2.10, chapter 5). What is on a disk may have been put
// there to harm: nothing of it is used before it has been checked.
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

/// Where a header says that its table is.
struct GptHeader {
    uint64_t alternate;  ///< the other header's block
    uint64_t first_usable, last_usable;
    uint64_t entries_block;
    uint32_t entry_count, entry_size, entries_crc;

    uint64_t entries_bytes() const noexcept { return uint64_t{entry_count} * entry_size; }
};

/// What the first block of a disk says.
enum class Mbr {
    none,        ///< no table of any kind
    protective,  ///< there is a GPT
    other,       ///< partitioned in the old way
};
Mbr read_mbr(std::span<const std::byte> block);

/// Checks the header that stands at block `at`. Throws Error for one that is not to be trusted.
GptHeader read_gpt_header(std::span<const std::byte> block, uint64_t at, uint64_t num_blocks);

/// Whether two headers, each of which has been checked, say the same of the partitions.
bool describe_same_table(const GptHeader& a, const GptHeader& b) noexcept;

/// Blocks of a disk with a table are not smaller, nor larger, than these bytes.
constexpr uint32_t least_block_size = 512, largest_block_size = 65536;

/// The size of blocks, in bytes, for which a primary header is in its place, or 0.
/// @param start  the disk's first bytes, of `disk_bytes`
uint32_t block_size_of_table(std::span<const std::byte> start, uint64_t disk_bytes);

/// Checks the entries and returns those in use, by number. Throws Error as above.
std::vector<Partition> read_gpt_entries(std::span<const std::byte> entries, const GptHeader& header);

/// As in RFC 4122.
std::string text_of(const bdk_uuid& uuid);

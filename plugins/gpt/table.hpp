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

/// Checks the entries and returns those in use, by number. Throws Error as above.
std::vector<Partition> read_gpt_entries(std::span<const std::byte> entries, const GptHeader& header);

/// As in RFC 4122.
std::string text_of(const bdk_uuid& uuid);

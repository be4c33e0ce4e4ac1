// SPDX-License-Identifier: BSD-3-Clause
// GUID partition tables. First byte: whether the CRCs are put right, without which no input would get past
// them; then a disk's header block, and what follows are its entries.
#include <bdevkit/bdevkit.hpp>

#include <isa-l/crc.h>

#include <array>
#include <vector>

#include "../../plugins/gpt/table.hpp"
#include "fuzz_input.hpp"

using bdk::fuzz::FuzzInput, bdk::fuzz::must_hold;
using Bytes = std::span<const std::byte>;

namespace {

constexpr size_t block_size = 512;
constexpr uint64_t num_blocks = 4096;
constexpr size_t crc_at = 16, size_at = 12;

uint32_t crc_of(Bytes bytes) {
    return crc32_gzip_refl(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

template <class T>
T get(Bytes block, size_t at) {
    T value;
    std::memcpy(&value, block.data() + at, sizeof(value));
    return value;
}
void put(std::span<std::byte> block, size_t at, uint32_t value) {
    std::memcpy(block.data() + at, &value, sizeof(value));
}

void put_crc(std::span<std::byte> block) {
    const size_t size = std::min<size_t>(get<uint32_t>(block, size_at), block.size());
    put(block, crc_at, 0);
    put(block, crc_at, crc_of(block.first(size)));
}

void check(const std::vector<Partition>& partitions, const GptHeader& header) {
    for (const Partition& partition : partitions) {
        must_hold(partition.number >= 1 && partition.number <= header.entry_count,
                  "a partition has its number");
        must_hold(header.first_usable <= partition.first_block &&
                      partition.first_block <= partition.last_block &&
                      partition.last_block <= header.last_usable && header.last_usable < num_blocks,
                  "a partition lies on the disk");
        for (const Partition& other : partitions)
            must_hold(&other == &partition || other.last_block < partition.first_block ||
                          partition.last_block < other.first_block,
                      "partitions lie apart");
        must_hold(
            std::ranges::none_of(partition.name, [](char c) { return uint8_t(c) < ' ' || c == '\x7f'; }),
            "a name has no control characters");
        must_hold(text_of(partition.guid).size() == 36, "a GUID is written as 36 characters");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    FuzzInput input(data, size);
    const bool right_crcs = (input.take<uint8_t>() & 1) != 0;
    auto block = input.take<std::array<std::byte, block_size>>();
    const Bytes given = input.take_rest();
    static_cast<void>(read_mbr(block));
    try {
        if (right_crcs) put_crc(block);
        GptHeader header = read_gpt_header(block, 1, num_blocks);
        must_hold(header.entries_bytes() <= 4 << 20, "the entries are of bounded length");
        std::vector<std::byte> entries(header.entries_bytes());
        std::copy_n(given.begin(), std::min(given.size(), entries.size()), entries.begin());
        if (right_crcs) header.entries_crc = crc_of(entries);
        check(read_gpt_entries(entries, header), header);
    } catch (const bdevkit::Error&) {
    }
    return 0;
}

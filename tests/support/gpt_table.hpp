// SPDX-License-Identifier: BSD-3-Clause
// Disk images with a GUID partition table (UEFI Specification 2.10, 5.3), made without the module's code.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace bdk::test {

using GptGuid = std::array<uint8_t, 16>;

// As they stand on the disk: the first three fields little-endian.
constexpr GptGuid gpt_linux_type = {0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47,
                                    0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4};
constexpr GptGuid gpt_spdk_type = {0x4e, 0x99, 0x27, 0x65, 0x5a, 0x2c, 0xec, 0x4e,
                                   0x96, 0x13, 0x8f, 0x59, 0x44, 0x07, 0x4e, 0x8b};

/// CRC-32 of IEEE 802.3, bit by bit: not what the module computes it with.
inline uint32_t gpt_crc32(const std::byte* bytes, size_t length) {
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < length; i++) {
        crc ^= uint32_t(bytes[i]);
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

struct GptEntry {
    uint32_t number;
    GptGuid type;
    uint64_t first, last;
    std::u16string name = u"";
};

/// A disk image with a table. What a test changes before bytes() comes with right CRCs, what it changes after
/// does not.
struct GptTable {
    uint64_t blocks = 4096;
    size_t block_size = 512;
    uint32_t entry_count = 128, entry_size = 128, header_size = 92;
    uint64_t first_usable = 34, last_usable = 4096 - 34;
    uint64_t primary_entries = 2, backup_entries = 4096 - 33;
    uint64_t my_block = 1;
    std::vector<GptEntry> entries;

    /// One that fills the disk as tools make it, without partitions.
    static GptTable of_disk(uint64_t blocks, size_t block_size) {
        const uint64_t entry_blocks = 128 * 128 / block_size;
        return {.blocks = blocks,
                .block_size = block_size,
                .first_usable = 2 + entry_blocks,
                .last_usable = blocks - entry_blocks - 2,
                .backup_entries = blocks - entry_blocks - 1,
                .entries = {}};
    }

    std::vector<std::byte> bytes() const {
        std::vector<std::byte> image(blocks * block_size);
        put(image, 446 + 4, uint8_t{0xee});
        put(image, 510, uint16_t{0xaa55});
        add(image, my_block, 1, blocks - 1, primary_entries);
        add(image, blocks - 1, blocks - 1, 1, backup_entries);
        return image;
    }

    template <class T>
    static void put(std::vector<std::byte>& image, size_t at, const T& value) {
        if (at + sizeof(T) <= image.size()) std::memcpy(&image[at], &value, sizeof(T));
    }

private:
    void add(std::vector<std::byte>& image, uint64_t says, uint64_t at, uint64_t alternate,
             uint64_t entries_at) const {
        const size_t table = std::min<uint64_t>(entries_at, blocks) * block_size;
        for (const GptEntry& entry : entries) {
            const size_t start = table + (entry.number - 1) * size_t{entry_size};
            put(image, start, entry.type);
            GptGuid guid{};
            guid[0] = uint8_t(entry.number);
            put(image, start + 16, guid);
            put(image, start + 32, entry.first);
            put(image, start + 40, entry.last);
            for (size_t i = 0; i < entry.name.size(); i++)
                put(image, start + 56 + 2 * i, entry.name[i]);
        }
        const size_t length =
            std::min(size_t{entry_count} * entry_size, image.size() - std::min(table, image.size()));
        const size_t header = at * block_size;
        std::memcpy(&image[header], "EFI PART\0\0\1\0", 12);
        put(image, header + 12, header_size);
        put(image, header + 24, says);
        put(image, header + 32, alternate);
        put(image, header + 40, first_usable);
        put(image, header + 48, last_usable);
        put(image, header + 72, entries_at);
        put(image, header + 80, entry_count);
        put(image, header + 84, entry_size);
        put(image, header + 88, gpt_crc32(image.data() + std::min(table, image.size()), length));
        put(image, header + 16, gpt_crc32(&image[header], std::min<size_t>(header_size, block_size)));
    }
};

}  // namespace bdk::test

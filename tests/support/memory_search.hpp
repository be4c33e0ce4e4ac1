// SPDX-License-Identifier: BSD-3-Clause
// Where a key is in this process's memory.
#pragma once

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

namespace bdk::test {

/// A piece of this process's memory, as /proc/self/smaps has it.
struct Mapping {
    uint64_t begin, end;
    bool readable, dumped;
};

inline std::vector<Mapping> mappings() {
    std::vector<Mapping> result;
    std::ifstream file("/proc/self/smaps");
    for (std::string line; std::getline(file, line);) {
        unsigned long begin = 0, end = 0;
        char rights[5] = {};
        if (std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, rights) == 3)
            result.push_back({begin, end, rights[0] == 'r', true});
        else if (line.starts_with("VmFlags:"))
            result.back().dumped = line.find(" dd") == std::string::npos;
    }
    return result;
}

/// How often `part_size` bytes are in memory that a core dump has, and that it has not.
struct Found {
    size_t dumped = 0, not_dumped = 0;
};
constexpr size_t part_size = 16;
constexpr uint64_t page_size = 4096;

/// Looks for each part of a key in all memory of this process.
/// @param masked_key  each byte inverted, so that this is not found
inline std::vector<Found> find_parts(const std::vector<std::byte>& masked_key) {
    std::vector<Found> found(masked_key.size() / part_size);
    std::array<std::vector<size_t>, 256> parts_by_first_byte;
    for (size_t part = 0; part < found.size(); part++)
        parts_by_first_byte[uint8_t(~masked_key[part * part_size])].push_back(part);
    const int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    std::vector<std::byte> buffer(1 << 20);
    for (const Mapping& mapping : mappings()) {
        // Sanitizers reserve more than can be read; nothing of ours is that large.
        if (!mapping.readable || mapping.end - mapping.begin > (512ull << 20)) continue;
        for (uint64_t at = mapping.begin, next = 0; at < mapping.end; at = next) {
            const size_t wanted = std::min<uint64_t>(buffer.size(), mapping.end - at);
            const ssize_t length = pread(memory, buffer.data(), wanted, off_t(at));
            // Another thread may have unmapped a page meanwhile: what follows it is looked at nevertheless.
            const bool whole = length == ssize_t(wanted);
            next = whole ? at + buffer.size() - part_size
                         : (at + uint64_t(std::max<ssize_t>(length, 0))) / page_size * page_size + page_size;
            for (ssize_t i = 0; i + ssize_t(part_size) <= length; i++)
                for (const size_t part : parts_by_first_byte[uint8_t(buffer[size_t(i)])]) {
                    const std::byte* masked_part = &masked_key[part * part_size];
                    const bool same = std::equal(masked_part, masked_part + part_size, &buffer[size_t(i)],
                                                 [](std::byte m, std::byte b) { return ~m == b; });
                    if (!same || at + uint64_t(i) - uint64_t(buffer.data()) < buffer.size()) continue;
                    (mapping.dumped ? found[part].dumped : found[part].not_dumped)++;
                }
            explicit_bzero(buffer.data(), buffer.size());
        }
    }
    close(memory);
    return found;
}

}  // namespace bdk::test

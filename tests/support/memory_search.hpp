// SPDX-License-Identifier: BSD-3-Clause
// Where a key is in this process's memory.
#pragma once

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
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

/// Calls `match(context, part, at)` for each place `at` in `data` that holds a part of the key.
/// Compiled without sanitizers, and optimised: it looks at every byte of a process.
void for_each_part_in(const std::byte* data, size_t length, const std::byte* masked_key, size_t parts,
                      void (*match)(void* context, size_t part, size_t at), void* context);

/// Looks for each part of a key in all memory of this process.
/// @param masked_key  each byte inverted, so that this is not found
inline std::vector<Found> find_parts(const std::vector<std::byte>& masked_key) {
    struct Search {
        std::vector<Found> found;
        uint64_t buffer_begin, buffer_end;
        uint64_t at;  // what the buffer holds a copy of
        bool dumped;
    };
    std::vector<std::byte> buffer(1 << 20);
    const auto buffer_begin = uint64_t(buffer.data());
    Search search{std::vector<Found>(masked_key.size() / part_size), buffer_begin,
                  buffer_begin + buffer.size(), 0, false};
    const auto match = [](void* context, size_t part, size_t at) {
        Search& s = *static_cast<Search*>(context);
        const uint64_t place = s.at + at;
        if (place >= s.buffer_begin && place < s.buffer_end) return;
        (s.dumped ? s.found[part].dumped : s.found[part].not_dumped)++;
    };
    const int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    for (const Mapping& mapping : mappings()) {
        // Sanitizers reserve more than can be read; nothing of ours is that large.
        if (!mapping.readable || mapping.end - mapping.begin > (512ull << 20)) continue;
        search.dumped = mapping.dumped;
        for (uint64_t at = mapping.begin, next = 0; at < mapping.end; at = next) {
            const size_t wanted = std::min<uint64_t>(buffer.size(), mapping.end - at);
            const ssize_t length = pread(memory, buffer.data(), wanted, off_t(at));
            // Another thread may have unmapped a page meanwhile: what follows it is looked at nevertheless.
            const bool whole = length == ssize_t(wanted);
            next = whole ? at + buffer.size() - part_size
                         : (at + uint64_t(std::max<ssize_t>(length, 0))) / page_size * page_size + page_size;
            search.at = at;
            if (length > 0)
                for_each_part_in(buffer.data(), size_t(length), masked_key.data(), search.found.size(), match,
                                 &search);
            explicit_bzero(buffer.data(), buffer.size());
        }
    }
    close(memory);
    return search.found;
}

}  // namespace bdk::test

// SPDX-License-Identifier: BSD-3-Clause
#include "support/memory_search.hpp"

namespace bdk::test {

void for_each_part_in(const std::byte* data, size_t length, const std::byte* masked_key, size_t parts,
                      void (*match)(void* context, size_t part, size_t at), void* context) {
    bool begins_a_part[256] = {};
    for (size_t part = 0; part < parts; part++)
        begins_a_part[uint8_t(~masked_key[part * part_size])] = true;
    for (size_t at = 0; at + part_size <= length; at++) {
        if (!begins_a_part[uint8_t(data[at])]) continue;
        for (size_t part = 0; part < parts; part++) {
            const std::byte* masked_part = masked_key + part * part_size;
            size_t same = 0;
            while (same < part_size && ~masked_part[same] == data[at + same])
                same++;
            if (same == part_size) match(context, part, at);
        }
    }
}

}  // namespace bdk::test

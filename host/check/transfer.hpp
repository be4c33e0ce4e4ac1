// SPDX-License-Identifier: BSD-3-Clause
// Reads and writes with buffers of any shape, surrounded by guard bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "check/client.hpp"

namespace bdevkit::host {

using Bytes = std::vector<std::byte>;

/// How a buffer lies in memory.
struct BufferShape {
    size_t offset = 0;         ///< bytes beyond an address that is a multiple of 4096
    std::vector<size_t> cuts;  ///< lengths of all pieces except the last; empty: one piece

    std::string text() const;
};

/// Writes data. Throws Broken when that fails.
void write(CheckClient& client, uint64_t block, const Bytes& data, const BufferShape& shape = {});

/// Reads data. Throws Broken when that fails. @param poison fills the buffer before the read
Bytes read(CheckClient& client, uint64_t block, uint64_t count, const BufferShape& shape = {},
           std::byte poison = std::byte{0xa5});

/// Throws Broken when the bytes differ, saying where. @param what  "read of 8 blocks at 3"
void expect_same(const Bytes& seen, const Bytes& expected, const std::string& what, uint32_t block_size);

/// Submissions of a read and a write.
CheckClient::Submit read_of(void* buf, uint64_t block, uint64_t count);
CheckClient::Submit write_of(void* buf, uint64_t block, uint64_t count);

}  // namespace bdevkit::host

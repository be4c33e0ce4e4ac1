// SPDX-License-Identifier: BSD-3-Clause
#include "frontends/nbd/nbd_buffers.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "support/host_test.hpp"

namespace bdevkit::host::nbd {
namespace {

class NbdBuffers : public bdk::test::HostTest {};

TEST_F(NbdBuffers, AreAlignedAndLongEnough) {
    BufferCache cache;
    for (const size_t size : {1ul, 4096ul, 4097ul, 65536ul, 5ul << 20, 33ul << 20}) {
        const Buffer buffer = cache.get(size);
        ASSERT_TRUE(buffer);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 4096, 0u);
        EXPECT_GE(buffer.size(), size);
        buffer.data()[size - 1] = std::byte{1};
    }
}

TEST_F(NbdBuffers, TheLastOneGivenBackIsTheNextOne) {
    BufferCache cache;
    Buffer first = cache.get(4096);
    Buffer second = cache.get(4096);
    const std::byte* const warm = second.data();
    first.reset();
    second.reset();
    EXPECT_EQ(second.size(), 0u);
    EXPECT_EQ(cache.cached_bytes(), 8192u);
    EXPECT_EQ(cache.get(4000).data(), warm);
}

TEST_F(NbdBuffers, KeepBoundedMemory) {
    BufferCache cache;
    {
        std::vector<Buffer> many;
        for (int i = 0; i < 40; ++i)
            many.push_back(cache.get(2 << 20));
    }
    EXPECT_EQ(cache.cached_bytes(), BufferCache::max_cached_bytes);
    cache.get(BufferCache::largest_kept + 1);
    EXPECT_EQ(cache.cached_bytes(), BufferCache::max_cached_bytes) << "a large one is not kept";
    cache.trim();
    EXPECT_EQ(cache.cached_bytes(), 0u);
}

TEST_F(NbdBuffers, MoveWithTheirOwner) {
    BufferCache cache;
    Buffer a = cache.get(4096);
    std::byte* const data = a.data();
    Buffer b = std::move(a);
    EXPECT_FALSE(a);
    EXPECT_EQ(b.data(), data);
    b = Buffer();
    EXPECT_FALSE(b);
    EXPECT_EQ(a.size(), 0u);
    EXPECT_EQ(b.size(), 0u);
    EXPECT_EQ(cache.cached_bytes(), 4096u);
}

}  // namespace
}  // namespace bdevkit::host::nbd

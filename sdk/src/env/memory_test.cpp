// SPDX-License-Identifier: BSD-3-Clause
#include <bdevkit/memory.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <set>
#include <thread>
#include <utility>

#include "env/env.hpp"
#include "env/hugepages.hpp"
#include "env/large_memory.hpp"
#include "support/host_test.hpp"
#include "support/log_capture.hpp"

namespace bdk::test {
namespace {

bool is_zero(const void* buf, size_t size) {
    const auto* bytes = static_cast<const char*>(buf);
    return std::all_of(bytes, bytes + size, [](char byte) { return byte == 0; });
}

/// Bytes of memory that the process has touched.
uint64_t resident_bytes() {
    uint64_t pages = 0;
    std::ifstream statm("/proc/self/statm");
    statm >> pages >> pages;
    return pages * 4096;
}

class DmaTest : public HostTest {};

TEST_F(DmaTest, MemoryIsAlignedAndUsable) {
    for (const size_t size : {1u, 64u, 4096u, 1u << 20, 2u << 20, 5u << 20}) {
        for (const size_t align : {0u, 64u, 4096u, 1u << 20, 4u << 20}) {
            void* buf = bdk_dma_malloc(size, align, BDK_NUMA_ANY);
            ASSERT_NE(buf, nullptr) << size << " bytes, aligned to " << align;
            EXPECT_EQ(reinterpret_cast<uintptr_t>(buf) % std::max<size_t>(align, 64), 0u);
            std::memset(buf, 0x5a, size);
            bdk_dma_free(buf);
        }
    }
}

TEST_F(DmaTest, ZmallocGivesZeroAlsoOfUsedMemory) {
    for (const size_t size : {100u, 100'000u, 3u << 20}) {
        for (int round = 0; round < 3; ++round) {
            void* buf = bdk_dma_zmalloc(size, 0, BDK_NUMA_ANY);
            ASSERT_TRUE(is_zero(buf, size));
            std::memset(buf, 0xff, size);
            bdk_dma_free(buf);
        }
    }
}

TEST_F(DmaTest, FourGibibytesAreThereAndCostNothingUntilTouched) {
    constexpr size_t size = 4ull << 30;
    const uint64_t before = resident_bytes();
    auto* buf = static_cast<char*>(bdk_dma_zmalloc(size, 4096, BDK_NUMA_ANY));
    ASSERT_NE(buf, nullptr);
    EXPECT_LT(resident_bytes(), before + (64u << 20));
    buf[0] = 1;
    buf[size - 1] = 2;
    EXPECT_LT(resident_bytes(), before + (64u << 20));
    bdk_dma_free(buf);
}

TEST_F(DmaTest, WhatTheHeapCannotHoldIsMappedOnItsOwn) {
    // More than the 128 MiB of the host's `memory:`, in pieces that are small each.
    std::vector<void*> bufs;
    for (int i = 0; i < 200; ++i)
        bufs.push_back(bdk_dma_malloc(1 << 20, 0, BDK_NUMA_ANY));
    for (void* buf : bufs)
        EXPECT_NE(buf, nullptr);
    for (void* buf : bufs)
        bdk_dma_free(buf);
}

TEST_F(DmaTest, SmallPiecesLieInTheHeapAndLargeOnesDoNot) {
    uint64_t bytes = 0;
    const auto heap = reinterpret_cast<uintptr_t>(bdk_dma_get_heap(&bytes));
    ASSERT_NE(heap, 0u);
    for (const auto& [size, inside] :
         {std::pair(4096u, true), std::pair(1u << 20, true), std::pair(4u << 20, false)}) {
        void* buf = bdk_dma_malloc(size, 4096, BDK_NUMA_ANY);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(buf) - heap < bytes, inside) << size;
        bdk_dma_free(buf);
    }
}

TEST_F(DmaTest, OddRequestsAreRefused) {
    const LogCapture log;
    EXPECT_EQ(bdk_dma_malloc(0, 0, BDK_NUMA_ANY), nullptr);
    EXPECT_EQ(bdk_dma_malloc(64, 48, BDK_NUMA_ANY), nullptr);
    EXPECT_EQ(bdk_dma_malloc(SIZE_MAX, 0, BDK_NUMA_ANY), nullptr);
    EXPECT_EQ(bdk_dma_malloc(SIZE_MAX / 2, 0, BDK_NUMA_ANY), nullptr);
    bdk_dma_free(nullptr);
}

TEST_F(DmaTest, WithoutHugepagesNoDeviceReachesTheMemory) {
    void* buf = bdk_dma_malloc(4096, 0, BDK_NUMA_ANY);
    EXPECT_FALSE(env_uses_hugepages());
    EXPECT_EQ(bdk_vtophys(buf, nullptr), UINT64_MAX);
    bdk_dma_free(buf);
}

TEST(LargeMemoryTest, FreesWhatItMadeAndNothingElse) {
    auto* buf = static_cast<char*>(large_memory_alloc(3u << 20, 64));
    ASSERT_NE(buf, nullptr);
    EXPECT_EQ(large_memory_hugepage_bytes_from(buf), 0u) << "a host without hugepages";
    EXPECT_FALSE(large_memory_free(buf + 64));
    EXPECT_TRUE(large_memory_free(buf));
    EXPECT_FALSE(large_memory_free(buf));
}

TEST(HugepagesTest, TheOptionIsAutoOffOrASize) {
    using Kind = HugepageRequest::Kind;
    EXPECT_EQ(parse_hugepages("auto")->kind, Kind::automatic);
    EXPECT_EQ(parse_hugepages("off")->kind, Kind::off);
    EXPECT_EQ(parse_hugepages("1GiB")->kind, Kind::required);
    EXPECT_EQ(parse_hugepages("1GiB")->bytes, 1ull << 30);
    EXPECT_EQ(parse_hugepages("64MiB")->bytes, 64ull << 20);
    for (const char* wrong : {"on", "1GB", "0GiB", "GiB", "1", "-1MiB", "99999999999TiB"}) {
        const auto parsed = parse_hugepages(wrong);
        ASSERT_FALSE(parsed.has_value()) << wrong;
        EXPECT_NE(parsed.error().find("expected auto, off or a size"), std::string::npos);
    }
}

TEST(HugepagesTest, ASizeThatIsNotThereIsRefusedWithAdvice) {
    RuntimeOptions options = test_runtime_options();
    options.env.hugepages = "1024TiB";
    const auto refused = Runtime::start(options);
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().find("hugepages"), std::string::npos) << refused.error();
}

class RingTest : public HostTest {};

TEST_F(RingTest, HoldsCountMinusOne) {
    bdk_ring* ring = bdk_ring_create("test", 8);
    ASSERT_NE(ring, nullptr);
    int things[8];
    void* objs[8];
    for (int i = 0; i < 8; ++i)
        objs[i] = &things[i];
    EXPECT_EQ(bdk_ring_enqueue(ring, objs, 8), 7u);
    EXPECT_EQ(bdk_ring_count(ring), 7u);
    EXPECT_EQ(bdk_ring_enqueue(ring, objs, 1), 0u);
    void* out[8];
    EXPECT_EQ(bdk_ring_dequeue(ring, out, 3), 3u);
    EXPECT_EQ(out[2], &things[2]);
    EXPECT_EQ(bdk_ring_dequeue(ring, out, 8), 4u);
    EXPECT_EQ(out[3], &things[6]);
    EXPECT_EQ(bdk_ring_dequeue(ring, out, 1), 0u);
    bdk_ring_free(ring);
}

TEST_F(RingTest, TheCountMustBeAPowerOfTwo) {
    const LogCapture log;
    EXPECT_EQ(bdk_ring_create("odd", 7), nullptr);
    EXPECT_EQ(bdk_ring_create("none", 0), nullptr);
    EXPECT_TRUE(log.contains("ring 'odd': expected a count that is a power of two, got 7")) << log.text();
    bdk_ring_free(nullptr);
}

TEST_F(RingTest, ManyProducersAndConsumersLoseNothing) {
    constexpr int each = 20'000;
    bdk_ring* ring = bdk_ring_create("shared", 256);
    std::vector<std::vector<int>> values(2, std::vector<int>(each, 0));
    std::atomic<int> taken{0};
    std::vector<std::jthread> threads;
    for (auto& mine : values) {
        threads.emplace_back([&mine, ring] {
            for (int& value : mine) {
                value = 1;
                void* obj = &value;
                while (bdk_ring_enqueue(ring, &obj, 1) == 0)
                    std::this_thread::yield();
            }
        });
        threads.emplace_back([&taken, ring] {
            void* objs[16];
            while (taken < 2 * each) {
                const uint32_t n = bdk_ring_dequeue(ring, objs, 16);
                for (uint32_t i = 0; i < n; ++i)
                    ++*static_cast<int*>(objs[i]);
                taken += static_cast<int>(n);
                if (n == 0) std::this_thread::yield();
            }
        });
    }
    threads.clear();
    for (const auto& mine : values)
        EXPECT_EQ(std::count(mine.begin(), mine.end(), 2), each);
    bdk_ring_free(ring);
}

class MempoolTest : public HostTest {};

TEST_F(MempoolTest, GivesEveryElementOnceAndTakesThemBack) {
    bdk_mempool* pool = bdk_mempool_create("things", 100, 40, 16);
    ASSERT_NE(pool, nullptr);
    for (int round = 0; round < 3; ++round) {
        on_app([&] {
            std::set<void*> elems;
            while (void* elem = bdk_mempool_get(pool)) {
                std::memset(elem, 0xab, 40);
                elems.insert(elem);
            }
            EXPECT_EQ(elems.size(), 100u);
            for (void* elem : elems)
                bdk_mempool_put(pool, elem);
        });
    }
    bdk_mempool_free(pool);
    bdk_mempool_free(nullptr);
}

TEST_F(MempoolTest, ElementsMayComeBackFromElsewhere) {
    bdk_mempool* pool = bdk_mempool_create("things", 64, 8, 0);
    std::vector<void*> elems;
    on_app([&] {
        while (void* elem = bdk_mempool_get(pool))
            elems.push_back(elem);
    });
    for (void* elem : elems)
        bdk_mempool_put(pool, elem);
    void* elem = bdk_mempool_get(pool);
    EXPECT_NE(elem, nullptr);
    bdk_mempool_put(pool, elem);
    bdk_mempool_free(pool);
}

TEST_F(MempoolTest, ACacheAsLargeAsThePoolIsMadeToFit) {
    bdk_mempool* pool = bdk_mempool_create("tiny", 4, 8, 1000);
    EXPECT_NE(pool, nullptr);
    bdk_mempool_free(pool);
}

TEST_F(MempoolTest, ManyPoolsMayHaveTheSameName) {
    bdk_mempool* a = bdk_mempool_create("same name, and longer than DPDK would take it", 8, 8, 0);
    bdk_mempool* b = bdk_mempool_create("same name, and longer than DPDK would take it", 8, 8, 0);
    EXPECT_NE(a, nullptr);
    EXPECT_NE(b, nullptr);
    bdk_mempool_free(a);
    bdk_mempool_free(b);
}

TEST_F(MempoolTest, WithoutMemoryThereIsNoneAndTheLogSaysWhatToDo) {
    const LogCapture log;
    EXPECT_EQ(bdk_mempool_create("huge", 1u << 20, 4096, 0), nullptr);
    EXPECT_TRUE(log.contains("mempool 'huge' of 1048576 times 4096 bytes")) << log.text();
    EXPECT_TRUE(log.contains("raise `memory`")) << log.text();
}

}  // namespace
}  // namespace bdk::test

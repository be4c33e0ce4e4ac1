// SPDX-License-Identifier: BSD-3-Clause
// The ring of uring's channels: memory that is registered with it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>
#include <bdevkit/bdevkit.hpp>

#include <cstring>
#include <memory>

#include "ring.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

using Buffer = std::unique_ptr<std::byte, decltype(&bdk_dma_free)>;

Buffer buffer_of(size_t bytes) {
    return {static_cast<std::byte*>(bdk_dma_malloc(bytes, 4096, BDK_NUMA_ANY)), bdk_dma_free};
}

class RegisteredRing : public testing::Test {
protected:
    RegisteredRing() : file_(memfd_create("uring_ring_test", MFD_CLOEXEC)) {
        try {
            ring = std::make_unique<Ring>(std::span(&file_, 1), Ring::Options{.heap = true});
        } catch (const bdevkit::Error& error) {
            if (error.rc() != -ENOMEM) throw;
        }
    }
    void SetUp() override {
        if (!ring) GTEST_SKIP() << "locked memory is limited (ulimit -l): the heap cannot be pinned";
    }
    ~RegisteredRing() override { close(file_); }

    io_uring_sqe* prepare_read(std::byte* to, uint32_t bytes) const {
        io_uring_sqe* sqe = ring->next();
        io_uring_prep_read(sqe, 0, to, bytes, 0);
        return sqe;
    }
    int result_of(io_uring_sqe* sqe) const {
        int result = 0;
        ring->add(sqe, this_owner());
        while (ring->in_flight() != 0)
            ring->turn([&](void*, int rc, uint64_t) { result = rc; });
        return result;
    }
    void* this_owner() const { return ring.get(); }

    TestHost host;
    int file_;
    std::unique_ptr<Ring> ring;
};

TEST_F(RegisteredRing, ReadsIntoTheHeapByTheRegistration) {
    const char text[] = "what the file holds";
    ASSERT_EQ(pwrite(file_, text, sizeof(text), 0), ssize_t(sizeof(text)));
    const Buffer buffer = buffer_of(4096);
    io_uring_sqe* sqe = prepare_read(buffer.get(), 4096);
    ASSERT_TRUE(ring->use_registered(sqe, buffer.get(), 4096));
    EXPECT_EQ(sqe->opcode, IORING_OP_READ_FIXED);
    EXPECT_EQ(result_of(sqe), int(sizeof(text)));
    EXPECT_STREQ(reinterpret_cast<const char*>(buffer.get()), text);
}

TEST_F(RegisteredRing, LeavesOtherMemoryAsItIs) {
    constexpr uint64_t large = 4u << 20;  // has a mapping of its own
    const Buffer buffer = buffer_of(large);
    io_uring_sqe* sqe = prepare_read(buffer.get(), 4096);
    EXPECT_FALSE(ring->use_registered(sqe, buffer.get(), 4096));
    EXPECT_EQ(sqe->opcode, IORING_OP_READ);
    EXPECT_GE(result_of(sqe), 0);
}

TEST_F(RegisteredRing, EndsWithTheHeap) {
    uint64_t bytes = 0;
    auto* heap = static_cast<std::byte*>(bdk_dma_get_heap(&bytes));
    ASSERT_NE(heap, nullptr);
    io_uring_sqe sqe{.opcode = IORING_OP_WRITE};
    EXPECT_FALSE(ring->use_registered(&sqe, heap + bytes - 512, 1024));
    EXPECT_FALSE(ring->use_registered(&sqe, heap + bytes, 512));
    EXPECT_FALSE(ring->use_registered(&sqe, heap - 512, 512));
    EXPECT_EQ(sqe.opcode, IORING_OP_WRITE);
    EXPECT_TRUE(ring->use_registered(&sqe, heap + bytes - 512, 512));
    EXPECT_EQ(sqe.opcode, IORING_OP_WRITE_FIXED);
}

}  // namespace
}  // namespace bdk::test

// SPDX-License-Identifier: BSD-3-Clause
#include "frontends/nbd/nbd_memory_queue.hpp"

#include <gtest/gtest.h>

#include "support/host_test.hpp"

namespace bdevkit::host::nbd {
namespace {

constexpr size_t mib = 1u << 20;

class NbdMemoryQueue : public bdk::test::HostTest {
protected:
    ~NbdMemoryQueue() override {
        for (MemoryClient* client : {&first_, &second_, &third_})
            queue_.leave(*client);
    }

    BufferCache buffers_{64 * mib};
    MemoryQueue queue_{buffers_};
    MemoryClient first_, second_, third_;
};

TEST_F(NbdMemoryQueue, ARequestThatDoesNotFitWaitsUntilItDoes) {
    Buffer held = buffers_.get(48 * mib);
    EXPECT_TRUE(queue_.admit(first_, 16 * mib, 48 * mib));
    EXPECT_FALSE(queue_.admit(second_, 17 * mib, 0));
    EXPECT_EQ(queue_.next(), &second_);
    held.reset();
    EXPECT_TRUE(queue_.admit(second_, 17 * mib, 0));
    EXPECT_EQ(queue_.next(), nullptr);
}

TEST_F(NbdMemoryQueue, LaterRequestsDoNotOvertakeALargeOne) {
    Buffer held = buffers_.get(48 * mib);
    EXPECT_FALSE(queue_.admit(first_, 32 * mib, 0));
    EXPECT_FALSE(queue_.admit(second_, mib, 0)) << "it would fit";
    held.reset();
    EXPECT_FALSE(queue_.admit(second_, mib, 0)) << "the other one is first";
    EXPECT_TRUE(queue_.admit(first_, 32 * mib, 0));
    EXPECT_EQ(queue_.next(), &second_);
    EXPECT_TRUE(queue_.admit(second_, mib, 0));
}

TEST_F(NbdMemoryQueue, AClientWithoutMemoryMayBeginAShortRequest) {
    const Buffer held = buffers_.get(64 * mib);
    EXPECT_FALSE(queue_.admit(first_, mib, 0));
    EXPECT_TRUE(queue_.admit(second_, MemoryQueue::short_request, 0));
    EXPECT_FALSE(queue_.admit(second_, 4096, MemoryQueue::short_request)) << "it has one already";
    EXPECT_TRUE(queue_.admit(third_, 0, 0)) << "needs no memory";
}

TEST_F(NbdMemoryQueue, AClientThatLeavesLetsTheNextOneAsk) {
    const Buffer held = buffers_.get(64 * mib);
    EXPECT_FALSE(queue_.admit(first_, 32 * mib, 0));
    EXPECT_FALSE(queue_.admit(second_, 32 * mib, 0));
    EXPECT_EQ(queue_.shortages(), 1u);
    queue_.leave(first_);
    EXPECT_EQ(queue_.next(), &second_);
    queue_.leave(second_);
    EXPECT_FALSE(queue_.admit(third_, 32 * mib, 0));
    EXPECT_EQ(queue_.shortages(), 2u);
}

TEST_F(NbdMemoryQueue, WhatTheCacheKeepsCountsToo) {
    buffers_.get(4 * mib).reset();
    EXPECT_EQ(buffers_.cached_bytes(), 4 * mib);
    const Buffer large = buffers_.get(63 * mib);
    EXPECT_EQ(buffers_.cached_bytes(), 0u) << "given up for it";
    buffers_.get(4 * mib).reset();
    EXPECT_EQ(buffers_.cached_bytes(), 0u) << "there is no room to keep it";
    EXPECT_EQ(buffers_.used_bytes(), 63 * mib);
}

}  // namespace
}  // namespace bdevkit::host::nbd

// SPDX-License-Identifier: BSD-3-Clause
#include "thread/message_queue.hpp"

#include <gtest/gtest.h>

#include <array>
#include <thread>
#include <vector>

namespace bdk {
namespace {

void some_message(void*) {}

void* number(uintptr_t value) {
    return reinterpret_cast<void*>(value);
}

TEST(MessageQueueTest, GivesBackInOrderWhatWasPut) {
    MessageQueue queue;
    EXPECT_TRUE(queue.empty());
    for (uintptr_t i = 0; i < 10; ++i)
        ASSERT_TRUE(queue.push(some_message, number(i)));
    EXPECT_FALSE(queue.empty());
    std::array<Message, 8> out;
    ASSERT_EQ(8u, queue.pop(out.data(), out.size()));
    for (uintptr_t i = 0; i < 8; ++i)
        EXPECT_EQ(out[i].ctx, number(i));
    ASSERT_EQ(2u, queue.pop(out.data(), out.size()));
    EXPECT_EQ(out[1].ctx, number(9));
    EXPECT_TRUE(queue.empty());
}

TEST(MessageQueueTest, RefusesWhenFullAndTakesAgainWhenThereIsRoom) {
    MessageQueue queue;
    for (uint64_t i = 0; i < MessageQueue::capacity; ++i)
        ASSERT_TRUE(queue.push(some_message, nullptr));
    EXPECT_FALSE(queue.push(some_message, nullptr));
    Message out;
    ASSERT_EQ(1u, queue.pop(&out, 1));
    EXPECT_TRUE(queue.push(some_message, nullptr));
    EXPECT_FALSE(queue.push(some_message, nullptr));
}

TEST(MessageQueueTest, GoesRoundManyTimes) {
    MessageQueue queue;
    std::array<Message, 64> out;
    uintptr_t expected = 0;
    for (uintptr_t i = 0; i < 3 * MessageQueue::capacity; ++i) {
        ASSERT_TRUE(queue.push(some_message, number(i)));
        if (i % 50 != 49) continue;
        const size_t count = queue.pop(out.data(), out.size());
        for (size_t k = 0; k < count; ++k)
            ASSERT_EQ(out[k].ctx, number(expected++));
    }
}

TEST(MessageQueueTest, KeepsTheOrderOfEachProducer) {
    constexpr uintptr_t producers = 4;
    constexpr uintptr_t each = 50'000;
    MessageQueue queue;
    std::vector<std::jthread> threads;
    for (uintptr_t p = 0; p < producers; ++p) {
        threads.emplace_back([&queue, p] {
            for (uintptr_t i = 1; i <= each; ++i) {
                while (!queue.push(some_message, number(p << 32 | i)))
                    std::this_thread::yield();
            }
        });
    }
    std::array<uintptr_t, producers> last{};
    std::array<Message, 64> out;
    for (uintptr_t total = 0; total < producers * each;) {
        const size_t count = queue.pop(out.data(), out.size());
        if (count == 0) std::this_thread::yield();
        total += count;
        for (size_t i = 0; i < count; ++i) {
            const auto value = reinterpret_cast<uintptr_t>(out[i].ctx);
            ASSERT_EQ(last[value >> 32] + 1, value & 0xffffffff);
            last[value >> 32] = value & 0xffffffff;
        }
    }
    EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace bdk

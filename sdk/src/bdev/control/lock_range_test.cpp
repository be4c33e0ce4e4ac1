// SPDX-License-Identifier: BSD-3-Clause
// Several threads that change parts of one block.
#include <bdevkit/range_lock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <utility>

#include "support/client.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

/// Adds one to the first word of a block, again and again, with a read and a write.
class Counter {
public:
    Counter(Client& client, uint64_t times) : client_(client), left_(times) {}

    void start() {
        post(client_.thread(), [this] { lock(); });
    }
    /// Waits for its end.
    bool has_failed() { return done_.get(); }

private:
    void lock() {
        if (left_-- == 0) return done_.setter()(failed_);
        const int rc = bdk_bdev_lock_range(
            client_.desc(), client_.channel(), 3, 1,
            [](int, void* self) { static_cast<Counter*>(self)->read(); }, this, &range_);
        if (rc == 0) return read();
        if (rc != BDK_PENDING) done_.setter()(true);
    }

    void read() {
        const auto cb = [](bdk_bdev_io* io, bool success, void* self) {
            bdk_bdev_free_io(io);
            static_cast<Counter*>(self)->write(success);
        };
        if (bdk_bdev_read_blocks(client_.desc(), client_.channel(), block_, 3, 1, nullptr, cb, this) != 0)
            write(false);
    }

    void write(bool success) {
        uint64_t count = 0;
        std::memcpy(&count, block_, sizeof(count));
        count++;
        std::memcpy(block_, &count, sizeof(count));
        failed_ |= !success;
        const auto cb = [](bdk_bdev_io* io, bool written, void* arg) {
            bdk_bdev_free_io(io);
            auto* self = static_cast<Counter*>(arg);
            self->failed_ |= !written;
            bdk_bdev_unlock_range(std::exchange(self->range_, nullptr));
            self->lock();
        };
        if (bdk_bdev_write_blocks(client_.desc(), client_.channel(), block_, 3, 1, nullptr, cb, this) == 0)
            return;
        failed_ = true;
        bdk_bdev_unlock_range(std::exchange(range_, nullptr));
        lock();
    }

    Client& client_;
    uint64_t left_;
    bool failed_ = false;
    bdk_bdev_range* range_ = nullptr;
    std::byte block_[512] = {};
    Awaited<bool> done_;
};

TEST(LockRange, NoIncrementIsLost) {
    TestHost host(test_runtime_options_with_reactors(2));
    host.load("malloc");
    ASSERT_EQ(host.create("malloc", "disk", {{"size", 64 << 10}}), 0);
    bdk_thread* thread = host.new_thread("other");
    constexpr uint64_t times = 2000;
    Client here("disk", Access::write), there("disk", Access::write, thread), third("disk", Access::write);
    Counter counters[] = {{here, times}, {there, times}, {third, times}};
    for (Counter& counter : counters)
        counter.start();
    for (Counter& counter : counters)
        EXPECT_FALSE(counter.has_failed());
    uint64_t count = 0;
    const std::vector<std::byte> block = here.read(3, 1);
    std::memcpy(&count, block.data(), sizeof(count));
    EXPECT_EQ(count, 3 * times);
}

}  // namespace
}  // namespace bdk::test

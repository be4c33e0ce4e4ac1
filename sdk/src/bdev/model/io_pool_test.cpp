// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/model/io_pool.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "support/await.hpp"
#include "support/test_host.hpp"
#include "thread/io_channel.hpp"

namespace bdk::test {
namespace {

/// The pool of one thread, held for the test.
class HeldPool {
public:
    explicit HeldPool(bdk_thread* thread) : thread_(thread) {
        call_on(thread_, [&] {
            channel_ = bdk_get_io_channel(io_pool_io_device());
            pool_ = static_cast<IoPool*>(io_channel_ctx(channel_));
        });
    }
    ~HeldPool() {
        call_on(thread_, [&] {
            for (BdevIo* io : taken_)
                pool_->give_back(io);
            bdk_put_io_channel(channel_);
        });
    }

    /// Takes up to n. @return how many there were
    size_t take(size_t n) {
        size_t before = taken_.size();
        call_on(thread_, [&] {
            for (size_t i = 0; i < n; i++)
                if (BdevIo* io = pool_->take()) taken_.push_back(io);
        });
        return taken_.size() - before;
    }

    /// True if this pool's reactor made the chunk that was taken last.
    bool last_is_of_own_reactor() {
        bool own = false;
        call_on(thread_, [&] { own = pool_->chunks.back().maker == std::this_thread::get_id(); });
        return own;
    }

    void give_all_back() {
        call_on(thread_, [&] {
            for (BdevIo* io : taken_)
                pool_->give_back(io);
        });
        taken_.clear();
    }

private:
    bdk_thread* thread_;
    bdk_io_channel* channel_ = nullptr;
    IoPool* pool_ = nullptr;
    std::vector<BdevIo*> taken_;
};

RuntimeOptions with(uint32_t pool, uint32_t cache) {
    RuntimeOptions options = test_runtime_options();
    options.bdev.bdev_io_pool_size = pool;
    options.bdev.bdev_io_cache_size = cache;
    return options;
}

TEST(IoPool, LastGivenBackIsTakenNext) {
    TestHost host;
    call_on_app_thread([] {
        bdk_io_channel* ch = bdk_get_io_channel(io_pool_io_device());
        auto* pool = static_cast<IoPool*>(io_channel_ctx(ch));
        BdevIo* first = pool->take();
        BdevIo* second = pool->take();
        pool->give_back(first);
        pool->give_back(second);
        EXPECT_EQ(pool->take(), second);
        EXPECT_EQ(pool->take(), first);
        pool->give_back(first);
        pool->give_back(second);
        bdk_put_io_channel(ch);
    });
}

TEST(IoPool, ReserveStaysBeyondTheLimit) {
    TestHost host(with(4, 64));
    call_on_app_thread([] {
        bdk_io_channel* ch = bdk_get_io_channel(io_pool_io_device());
        auto* pool = static_cast<IoPool*>(io_channel_ctx(ch));
        std::vector<BdevIo*> taken;
        while (BdevIo* io = pool->take())
            taken.push_back(io);
        EXPECT_EQ(taken.size(), 4u);
        BdevIo* beyond = pool->take_from_reserve();
        ASSERT_NE(beyond, nullptr);
        pool->give_back(beyond);
        EXPECT_EQ(pool->take(), nullptr);
        EXPECT_EQ(pool->take_from_reserve(), beyond);
        pool->give_back(taken.back());
        EXPECT_EQ(pool->take(), taken.back());
        pool->give_back(beyond);
        for (BdevIo* io : taken)
            pool->give_back(io);
        EXPECT_TRUE(pool->reserve_chunks.empty()) << "other threads may need it";
        bdk_put_io_channel(ch);
    });
}

TEST(IoPool, EndsAtTheLimitOfTheProcess) {
    TestHost host(with(128, 64));
    HeldPool pool(bdk_thread_get_app_thread());
    EXPECT_EQ(pool.take(200), 128u);
}

TEST(IoPool, EveryThreadHasItsFirstChunkAndIdleThreadsLendTheRest) {
    TestHost host(with(128, 64));
    HeldPool here(bdk_thread_get_app_thread());
    HeldPool there(host.new_thread("other"));
    EXPECT_EQ(here.take(128), 128u);
    EXPECT_EQ(there.take(128), 64u) << "its first chunk, beyond the limit";
    here.give_all_back();
    EXPECT_EQ(there.take(64), 64u) << "what the other does not keep";
}

TEST(IoPool, ReactorsKeepTheirMemoryWhileThereIsRoom) {
    RuntimeOptions options = test_runtime_options_with_reactors(2);
    options.bdev.bdev_io_pool_size = 192;
    options.bdev.bdev_io_cache_size = 64;
    TestHost host(options);
    HeldPool here(host.new_thread("here", 0));
    HeldPool there(host.new_thread("there", 1));
    here.take(128);
    here.give_all_back();  // one chunk stays, one is spare
    EXPECT_EQ(there.take(64), 64u);
    EXPECT_TRUE(there.last_is_of_own_reactor());
    EXPECT_EQ(there.take(64), 64u);
    EXPECT_FALSE(there.last_is_of_own_reactor()) << "there is no room for more: the spare one";
}

}  // namespace
}  // namespace bdk::test

// SPDX-License-Identifier: BSD-3-Clause
#include "env/iobuf.hpp"

#include <bdevkit/memory.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "log/violation.hpp"
#include "support/event.hpp"
#include "support/host_test.hpp"
#include "support/log_capture.hpp"

namespace bdk::test {
namespace {

constexpr uint64_t small = 4096;
constexpr uint64_t large = 65536;

/// A user of buffers on a thread of its own.
struct User {
    bdk_thread* thread = nullptr;
    bdk_iobuf_channel* ch = nullptr;
    std::vector<void*> bufs;

    void open(bdk_thread* on, const char* name) {
        thread = on;
        call_on(thread, [&] {
            ch = bdk_iobuf_channel_open(name);
            ASSERT_NE(ch, nullptr);
        });
    }
    /// Takes buffers until there is none.
    size_t take_all(uint64_t len) {
        call_on(thread, [&] {
            while (void* buf = bdk_iobuf_get(ch, len, nullptr))
                bufs.push_back(buf);
        });
        return bufs.size();
    }
    void give_one(uint64_t len) {
        call_on(thread, [&] {
            bdk_iobuf_put(ch, bufs.back(), len);
            bufs.pop_back();
        });
    }
    void close(uint64_t len) {
        call_on(thread, [&] {
            for (void* buf : bufs)
                bdk_iobuf_put(ch, buf, len);
            bufs.clear();
            bdk_iobuf_channel_close(ch);
        });
    }
};

/// A caller that waits for a buffer.
struct Waiter {
    bdk_iobuf_entry entry{};  // first: the callback finds the waiter by it
    std::atomic<void*> buf{nullptr};
    std::atomic<const bdk_thread*> called_on{nullptr};
    std::vector<int>* order = nullptr;
    int number = 0;

    Waiter() {
        entry.cb = [](bdk_iobuf_entry* e, void* got) {
            auto* self = reinterpret_cast<Waiter*>(e);
            if (self->order != nullptr) self->order->push_back(self->number);
            self->called_on = bdk_get_thread();
            self->buf = got;
        };
    }
    void wait() const {
        while (buf == nullptr)
            std::this_thread::yield();
    }
};

class IobufTest : public HostTest {
protected:
    IobufTest() : HostTest(with_few_buffers()) {}

    static RuntimeOptions with_few_buffers() {
        RuntimeOptions options = test_runtime_options_with_reactors(2);
        options.env.iobuf_small_count = 64;
        options.env.iobuf_large_count = 16;
        options.env.iobuf_small_size = small;
        options.env.iobuf_large_size = large;
        return options;
    }
    void SetUp() override {
        HostTest::SetUp();
        first_.open(new_thread("first"), "one");
        second_.open(new_thread("second"), "two");
    }
    void TearDown() override {
        first_.close(len_);
        second_.close(len_);
        end_thread(first_.thread);
        end_thread(second_.thread);
        HostTest::TearDown();
    }

    User first_;
    User second_;
    uint64_t len_ = small;
};

TEST_F(IobufTest, GivesAlignedBuffersOfBothSizes) {
    EXPECT_EQ(bdk_iobuf_max_len(), large);
    call_on(first_.thread, [&] {
        for (const uint64_t len : {uint64_t{1}, small, small + 1, large}) {
            void* buf = bdk_iobuf_get(first_.ch, len, nullptr);
            ASSERT_NE(buf, nullptr);
            EXPECT_EQ(reinterpret_cast<uintptr_t>(buf) % 4096, 0u);
            std::memset(buf, 0x77, len);
            bdk_iobuf_put(first_.ch, buf, len);
        }
        EXPECT_EQ(bdk_iobuf_get(first_.ch, large + 1, nullptr), nullptr);
    });
}

TEST_F(IobufTest, GivesEveryBufferOfAPoolOnce) {
    EXPECT_EQ(first_.take_all(small), 64u);
    std::sort(first_.bufs.begin(), first_.bufs.end());
    EXPECT_EQ(std::adjacent_find(first_.bufs.begin(), first_.bufs.end()), first_.bufs.end());
}

TEST_F(IobufTest, WhoeverWaitsGetsABufferThatAnotherThreadGivesBack) {
    first_.take_all(small);
    Waiter waiter;
    call_on(second_.thread, [&] { EXPECT_EQ(bdk_iobuf_get(second_.ch, small, &waiter.entry), nullptr); });
    settle(second_.thread);
    EXPECT_EQ(waiter.buf, nullptr);
    first_.give_one(small);
    waiter.wait();
    EXPECT_EQ(waiter.called_on, second_.thread);
    second_.bufs.push_back(waiter.buf);
}

TEST_F(IobufTest, WhoeverWaitsGetsABufferThatAnotherThreadKeepsInItsCache) {
    first_.take_all(small);
    // Goes into the cache of the first thread, where it would stay.
    first_.give_one(small);
    Waiter waiter;
    call_on(second_.thread, [&] { EXPECT_EQ(bdk_iobuf_get(second_.ch, small, &waiter.entry), nullptr); });
    waiter.wait();
    second_.bufs.push_back(waiter.buf);
}

TEST_F(IobufTest, EntriesAreServedInOrderWhicheverTheThread) {
    len_ = large;
    first_.take_all(large);
    std::vector<int> order;
    std::vector<Waiter> waiters(6);
    for (size_t i = 0; i < waiters.size(); ++i) {
        waiters[i].order = &order;
        waiters[i].number = static_cast<int>(i);
        User& user = i % 2 == 0 ? second_ : first_;
        call_on(user.thread, [&] { EXPECT_EQ(bdk_iobuf_get(user.ch, large, &waiters[i].entry), nullptr); });
    }
    for (size_t i = 0; i < waiters.size(); ++i) {
        first_.give_one(large);
        waiters[i].wait();
        (i % 2 == 0 ? second_ : first_).bufs.push_back(waiters[i].buf);
    }
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5}));
}

TEST_F(IobufTest, NobodyOvertakesThoseWhoWait) {
    first_.take_all(small);
    Waiter waiter;
    call_on(second_.thread, [&] { EXPECT_EQ(bdk_iobuf_get(second_.ch, small, &waiter.entry), nullptr); });
    call_on(first_.thread, [&] {
        bdk_iobuf_put(first_.ch, first_.bufs.back(), small);
        first_.bufs.pop_back();
        EXPECT_EQ(bdk_iobuf_get(first_.ch, small, nullptr), nullptr);
    });
    waiter.wait();
    second_.bufs.push_back(waiter.buf);
}

TEST_F(IobufTest, ACancelledEntryIsNotCalled) {
    first_.take_all(small);
    Waiter cancelled;
    Waiter waiter;
    call_on(second_.thread, [&] {
        EXPECT_EQ(bdk_iobuf_get(second_.ch, small, &cancelled.entry), nullptr);
        EXPECT_EQ(bdk_iobuf_get(second_.ch, small, &waiter.entry), nullptr);
        bdk_iobuf_cancel(second_.ch, &cancelled.entry, small);
    });
    first_.give_one(small);
    waiter.wait();
    EXPECT_EQ(cancelled.buf, nullptr);
    second_.bufs.push_back(waiter.buf);
}

TEST_F(IobufTest, AnEntryIsCancelledWhenItsBufferIsUnderWay) {
    first_.take_all(small);
    Waiter cancelled;
    Waiter next;
    call_on(first_.thread, [&] {
        EXPECT_EQ(bdk_iobuf_get(first_.ch, small, &cancelled.entry), nullptr);
        EXPECT_EQ(bdk_iobuf_get(first_.ch, small, &next.entry), nullptr);
        bdk_iobuf_put(first_.ch, first_.bufs.back(), small);
        first_.bufs.pop_back();
        EXPECT_EQ(cancelled.buf, nullptr) << "never inside the put";
        bdk_iobuf_cancel(first_.ch, &cancelled.entry, small);
    });
    next.wait();
    settle(first_.thread);
    EXPECT_EQ(cancelled.buf, nullptr);
    call_on(first_.thread, [&] { bdk_iobuf_put(first_.ch, next.buf, small); });
}

TEST_F(IobufTest, StatisticsSayWhereBuffersCameFrom) {
    call_on(first_.thread, [&] {
        for (int i = 0; i < 10; ++i) {
            void* buf = bdk_iobuf_get(first_.ch, small, nullptr);
            bdk_iobuf_put(first_.ch, buf, small);
        }
    });
    std::vector<IobufStats> all;
    Event got;
    on_app([&] {
        iobuf_get_stats([&](std::vector<IobufStats> stats) {
            all = std::move(stats);
            got.set();
        });
    });
    got.wait();
    const auto one =
        std::find_if(all.begin(), all.end(), [](const auto& stats) { return stats.name == "one"; });
    ASSERT_NE(one, all.end());
    EXPECT_EQ(one->small.from_pool, 1u);
    EXPECT_EQ(one->small.from_cache, 9u);
    EXPECT_EQ(one->large.from_pool, 0u);
}

TEST_F(IobufTest, OnAnotherThreadNothingIsDoneAndItIsReported) {
    const LogCapture log;
    EXPECT_EQ(bdk_iobuf_get(first_.ch, small, nullptr), nullptr);
    call_on(second_.thread, [&] {
        bdk_iobuf_put(first_.ch, nullptr, small);
        bdk_iobuf_channel_close(first_.ch);
    });
    EXPECT_TRUE(
        log.contains("rule 4 broken: bdk_iobuf_get() outside a bdk thread; object: iobuf channel 'one'"))
        << log.text();
    EXPECT_TRUE(log.contains("rule 2 broken: bdk_iobuf_put() on the wrong thread")) << log.text();
    EXPECT_TRUE(log.contains("rule 2 broken: bdk_iobuf_channel_close() on the wrong thread")) << log.text();
    bdk_iobuf_channel_close(nullptr);
}

TEST_F(IobufTest, ManyWaitersOnTwoThreadsAreAllServed) {
    // Each user takes a buffer, or waits for one, gives it back, and starts again.
    struct Loop {
        bdk_iobuf_entry entry{};
        bdk_iobuf_channel* ch = nullptr;
        int left = 300;
        std::atomic<int>* finished = nullptr;

        static void got(bdk_iobuf_entry* e, void* buf) {
            auto* self = reinterpret_cast<Loop*>(e);
            // Given back in a later message, so that others have to wait.
            struct Held {
                Loop* loop;
                void* buf;
            };
            bdk_thread_send_msg(
                bdk_get_thread(),
                [](void* ctx) {
                    const std::unique_ptr<Held> held(static_cast<Held*>(ctx));
                    bdk_iobuf_put(held->loop->ch, held->buf, large);
                    held->loop->go_on();
                },
                new Held{self, buf});
        }
        void go_on() {
            if (left-- == 0) {
                ++*finished;
                return;
            }
            entry.cb = got;
            if (void* buf = bdk_iobuf_get(ch, large, &entry)) got(&entry, buf);
        }
    };
    std::atomic<int> finished{0};
    std::vector<Loop> loops(60);
    for (size_t i = 0; i < loops.size(); ++i) {
        User& user = i % 2 == 0 ? first_ : second_;
        loops[i].ch = user.ch;
        loops[i].finished = &finished;
        call_on(user.thread, [&] { loops[i].go_on(); });
    }
    while (finished != 60)
        std::this_thread::yield();
}

}  // namespace
}  // namespace bdk::test

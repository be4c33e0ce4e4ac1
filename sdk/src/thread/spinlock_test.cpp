// SPDX-License-Identifier: BSD-3-Clause
#include <bdevkit/poller.h>
#include <bdevkit/thread.h>

#include <atomic>
#include <thread>

#include "log/violation.hpp"
#include "support/host_test.hpp"
#include "support/log_capture.hpp"

namespace bdk::test {
namespace {

class SpinlockTest : public HostTest {
protected:
    SpinlockTest() : HostTest(test_runtime_options_with_reactors(2)) { bdk_spin_init(&lock_); }
    ~SpinlockTest() override { bdk_spin_destroy(&lock_); }

    bdk_spinlock lock_{};
};

TEST_F(SpinlockTest, KnowsItsHolder) {
    bdk_thread* other = new_thread("other");
    on_app([&] {
        EXPECT_FALSE(bdk_spin_held(&lock_));
        bdk_spin_lock(&lock_);
        EXPECT_TRUE(bdk_spin_held(&lock_));
        bdk_spin_unlock(&lock_);
        EXPECT_FALSE(bdk_spin_held(&lock_));
    });
    call_on(other, [&] { EXPECT_FALSE(bdk_spin_held(&lock_)); });
    end_thread(other);
}

TEST_F(SpinlockTest, ExcludesOtherThreads) {
    struct Shared {
        bdk_spinlock* lock;
        uint64_t plain = 0;
        std::atomic<int> finished{0};
    } shared{&lock_};
    std::vector<bdk_thread*> threads;
    for (int i = 0; i < 4; ++i)
        threads.push_back(new_thread(nullptr));
    for (bdk_thread* thread : threads) {
        bdk_thread_send_msg(
            thread,
            [](void* ctx) {
                auto* s = static_cast<Shared*>(ctx);
                for (int i = 0; i < 20'000; ++i) {
                    bdk_spin_lock(s->lock);
                    ++s->plain;
                    bdk_spin_unlock(s->lock);
                }
                ++s->finished;
            },
            &shared);
    }
    while (shared.finished != 4)
        std::this_thread::yield();
    EXPECT_EQ(shared.plain, 80'000u);
    for (bdk_thread* thread : threads)
        end_thread(thread);
}

TEST_F(SpinlockTest, HeldAcrossTheReturnOfAPollerIsReported) {
    const LogCapture log;
    struct Context {
        bdk_spinlock* lock;
        bdk_poller* poller;
    } context{&lock_, nullptr};
    const uint64_t before = violation_count();
    on_app([&] {
        context.poller = bdk_poller_register(
            [](void* ctx) {
                auto* c = static_cast<Context*>(ctx);
                bdk_spin_lock(c->lock);
                bdk_poller_unregister(&c->poller);
                return BDK_POLLER_BUSY;
            },
            &context, 0, "greedy");
    });
    while (violation_count() == before)
        std::this_thread::yield();
    EXPECT_TRUE(log.contains("rule 5 broken: a message or poller returned while it held a bdk_spinlock"))
        << log.text();
    EXPECT_TRUE(log.contains("plugin: spinlock_test")) << log.text();
    on_app([&] { bdk_spin_unlock(&lock_); });
    EXPECT_EQ(violation_count(), before + 1) << "once";
}

TEST_F(SpinlockTest, MisuseIsReported) {
    const LogCapture log;
    bdk_thread* other = new_thread("other");
    on_app([&] {
        bdk_spin_lock(&lock_);
        bdk_spin_lock(&lock_);
        bdk_spin_unlock(&lock_);
        bdk_spin_unlock(&lock_);
    });
    EXPECT_TRUE(log.contains("bdk_spin_lock() of a lock that the caller holds")) << log.text();
    EXPECT_TRUE(log.contains("bdk_spin_unlock() of a lock that the caller does not hold")) << log.text();
    bdk_spin_lock(&lock_);
    EXPECT_TRUE(log.contains("rule 4 broken: bdk_spin_lock() outside a bdk thread")) << log.text();
    bdk_spin_destroy(&lock_);
    EXPECT_TRUE(log.contains("bdk_spin_destroy() of a lock that is held")) << log.text();
    bdk_spin_unlock(&lock_);
    end_thread(other);
}

}  // namespace
}  // namespace bdk::test

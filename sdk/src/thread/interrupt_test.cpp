// SPDX-License-Identifier: BSD-3-Clause
#include <sys/eventfd.h>

#include <atomic>
#include <thread>

#include "base/unique_fd.hpp"
#include "support/host_test.hpp"
#include "support/log_capture.hpp"
#include "thread/reactor.hpp"
#include "thread/thread.hpp"

namespace bdk::test {
namespace {

/// An eventfd that a thread watches; the handler reads it.
struct Bell {
    UniqueFd fd{eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    std::atomic<uint64_t> rings{0};
    std::atomic<const bdk_thread*> heard_on{nullptr};
    std::atomic<uint32_t> heard{0};  ///< the events of the last call
    bdk_interrupt* interrupt = nullptr;
    std::function<void(Bell&)> action = [](Bell&) {};

    static int hear(uint32_t events, void* ctx) {
        auto* bell = static_cast<Bell*>(ctx);
        bell->heard = events;
        uint64_t count = 0;
        if (read(bell->fd.get(), &count, sizeof(count)) == sizeof(count)) bell->rings += count;
        bell->heard_on = bdk_get_thread();
        bell->action(*bell);
        return BDK_POLLER_BUSY;
    }
    void watch(uint32_t events = BDK_INTERRUPT_IN) {
        interrupt = bdk_interrupt_register(fd.get(), events, hear, this, "bell");
        ASSERT_NE(interrupt, nullptr);
    }
    void ring() const { ASSERT_EQ(0, eventfd_write(fd.get(), 1)); }
    void wait_for(uint64_t count) const {
        while (rings < count)
            std::this_thread::yield();
    }
};

void until_asleep(bdk_thread* thread) {
    while (!thread->reactor.load()->sleeping())
        std::this_thread::yield();
}

class InterruptTest : public HostTest {};

TEST_F(InterruptTest, AReadyDescriptorWakesTheReactor) {
    Bell bell;
    on_app([&] { bell.watch(); });
    for (uint64_t i = 1; i <= 3; ++i) {
        until_asleep(app());
        bell.ring();
        bell.wait_for(i);
    }
    EXPECT_EQ(bell.heard_on, app());
    EXPECT_EQ(bell.heard, BDK_INTERRUPT_IN);
    on_app([&] {
        bdk_interrupt_unregister(&bell.interrupt);
        EXPECT_EQ(bell.interrupt, nullptr);
        bdk_interrupt_unregister(&bell.interrupt);  // NULL is ignored
    });
    bell.ring();
    settle(app());
    EXPECT_EQ(bell.rings, 3u);
}

TEST_F(InterruptTest, ADescriptorIsLookedAtWhileTheReactorHasOtherWork) {
    Bell bell;
    bdk_poller* poller = nullptr;
    on_app([&] {
        bell.watch();
        poller = bdk_poller_register([](void*) { return BDK_POLLER_BUSY; }, nullptr, 0, "always busy");
    });
    bell.ring();
    bell.wait_for(1);
    on_app([&] {
        bdk_interrupt_unregister(&bell.interrupt);
        bdk_poller_unregister(&poller);
    });
}

TEST_F(InterruptTest, EventsCanBeChanged) {
    Bell bell;
    std::atomic<int> calls{0};
    bell.action = [&](Bell&) { ++calls; };
    on_app([&] { bell.watch(); });
    settle(app());
    EXPECT_EQ(calls, 0);
    // An eventfd can always be written: level-triggered, the handler is called again and again.
    on_app([&] { EXPECT_EQ(0, bdk_interrupt_set_events(bell.interrupt, BDK_INTERRUPT_OUT)); });
    while (calls < 3)
        std::this_thread::yield();
    on_app([&] {
        EXPECT_EQ(0, bdk_interrupt_set_events(bell.interrupt, BDK_INTERRUPT_IN));
        EXPECT_EQ(-EINVAL, bdk_interrupt_set_events(bell.interrupt, 0x10000));
        bdk_interrupt_unregister(&bell.interrupt);
    });
}

TEST_F(InterruptTest, AHandlerUnregistersItselfAndOthers) {
    // All are ready at once, so that one batch of events holds them.
    std::vector<Bell> bells(4);
    for (Bell& bell : bells) {
        bell.action = [&](Bell&) {
            for (Bell& other : bells)
                bdk_interrupt_unregister(&other.interrupt);
        };
    }
    on_app([&] {
        for (Bell& bell : bells) {
            bell.watch();
            bell.ring();
        }
    });
    const auto heard = [&] {
        uint64_t total = 0;
        for (Bell& bell : bells)
            total += bell.rings;
        return total;
    };
    while (heard() == 0)
        std::this_thread::yield();
    settle(app());
    EXPECT_EQ(heard(), 1u);
}

TEST_F(InterruptTest, WhatEpollDoesNotAcceptIsRefused) {
    const LogCapture log;
    on_app([] {
        EXPECT_EQ(nullptr, bdk_interrupt_register(-1, BDK_INTERRUPT_IN, Bell::hear, nullptr, "closed"));
        EXPECT_EQ(nullptr, bdk_interrupt_register(0, 0xff00, Bell::hear, nullptr, "odd events"));
    });
    EXPECT_TRUE(log.contains("interrupt 'closed': fd -1: Bad file descriptor")) << log.text();
    EXPECT_TRUE(log.contains("interrupt 'odd events': expected")) << log.text();
}

TEST_F(InterruptTest, ElsewhereThanOnItsThreadNothingIsDoneAndItIsReported) {
    const LogCapture log;
    Bell bell;
    EXPECT_EQ(nullptr, bdk_interrupt_register(bell.fd.get(), BDK_INTERRUPT_IN, Bell::hear, nullptr, "early"));
    EXPECT_TRUE(log.contains("rule 4 broken: bdk_interrupt_register() outside a bdk thread")) << log.text();
    on_app([&] { bell.watch(); });
    bdk_thread* other = new_thread("other");
    call_on(other, [&] {
        EXPECT_EQ(-EINVAL, bdk_interrupt_set_events(bell.interrupt, BDK_INTERRUPT_OUT));
        bdk_interrupt_unregister(&bell.interrupt);
        EXPECT_NE(bell.interrupt, nullptr);
    });
    EXPECT_TRUE(log.contains(
        "rule 2 broken: bdk_interrupt_unregister() on the wrong thread; object: interrupt 'bell'"))
        << log.text();
    on_app([&] { bdk_interrupt_unregister(&bell.interrupt); });
    end_thread(other);
}

class InterruptMoveTest : public HostTest {
protected:
    InterruptMoveTest() : HostTest(test_runtime_options_with_reactors(2)) {}
};

TEST_F(InterruptMoveTest, MovesWithItsThread) {
    if (options_.reactors.cores.size() < 2) GTEST_SKIP() << "needs two cores";
    bdk_thread* mover = new_thread("mover");
    Bell bell;
    const Reactor* before = mover->reactor.load();
    call_on(mover, [&] {
        bell.watch();
        const uint32_t here = bdk_get_current_core();
        for (const uint32_t core : options_.reactors.cores) {
            if (core == here) continue;
            EXPECT_EQ(0, bdk_thread_set_core(core));
        }
    });
    while (mover->reactor.load() == before)
        std::this_thread::yield();
    until_asleep(mover);
    bell.ring();
    bell.wait_for(1);
    call_on(mover, [&] {
        bdk_interrupt_unregister(&bell.interrupt);
        bdk_thread_exit();
    });
}

}  // namespace
}  // namespace bdk::test

// SPDX-License-Identifier: BSD-3-Clause
#include "thread/thread.hpp"

#include <signal.h>

#include <atomic>
#include <set>
#include <thread>

#include "log/violation.hpp"
#include "support/event.hpp"
#include "support/host_test.hpp"
#include "support/log_capture.hpp"
#include "thread/reactor.hpp"

namespace bdk::test {
namespace {

class ThreadTest : public HostTest {};

class TwoReactorsTest : public HostTest {
protected:
    TwoReactorsTest() : HostTest(test_runtime_options_with_reactors(2)) {}
    void SetUp() override {
        if (options_.reactors.cores.size() < 2) GTEST_SKIP() << "needs two cores";
        HostTest::SetUp();
    }
    static bdk_thread* new_thread_on(const char* name, uint32_t core) {
        std::vector<uint64_t> mask(core / 64 + 1);
        mask.back() = 1ull << (core % 64);
        return bdk_thread_create(name, mask.data(), static_cast<uint32_t>(mask.size()));
    }
    uint32_t core(size_t index) const { return options_.reactors.cores[index]; }
};

void count_up(void* ctx) {
    ++*static_cast<std::atomic<int>*>(ctx);
}

TEST_F(ThreadTest, HasNameAndNumberAndIsFoundByIt) {
    bdk_thread* named = new_thread("worker");
    bdk_thread* unnamed = new_thread(nullptr);
    EXPECT_STREQ(bdk_thread_get_name(named), "worker");
    EXPECT_STREQ(bdk_thread_get_name(unnamed),
                 ("thread_" + std::to_string(bdk_thread_get_id(unnamed))).c_str());
    EXPECT_EQ(bdk_thread_get_by_id(bdk_thread_get_id(named)), named);
    EXPECT_EQ(bdk_thread_get_count(), 3u);
    EXPECT_EQ(bdk_thread_get_by_id(0), nullptr);
    end_thread(named);
    end_thread(unnamed);
}

TEST_F(ThreadTest, NumbersAreNotUsedAgain) {
    const uint64_t before = bdk_thread_get_id(app());
    host_.reset();
    SetUp();
    EXPECT_GT(bdk_thread_get_id(app()), before);
}

TEST_F(ThreadTest, OutsideAnyThereIsNoThread) {
    EXPECT_EQ(bdk_get_thread(), nullptr);
    EXPECT_EQ(bdk_get_current_core(), UINT32_MAX);
    EXPECT_EQ(bdk_thread_exit(), -EINVAL);
    EXPECT_EQ(bdk_thread_set_core(0), -EINVAL);
}

TEST_F(ThreadTest, ACpumaskWithoutAReactorGivesNoThread) {
    const LogCapture log;
    const uint64_t mask = 0;
    EXPECT_EQ(bdk_thread_create("nowhere", &mask, 1), nullptr);
    EXPECT_TRUE(log.contains("thread 'nowhere': no reactor")) << log.text();
}

TEST_F(ThreadTest, MessagesOfOneSenderRunInOrder) {
    std::vector<int> seen;
    struct Step {
        std::vector<int>* seen;
        int value;
    };
    std::vector<Step> steps;
    for (int i = 0; i < 1000; ++i)
        steps.push_back({&seen, i});
    for (Step& step : steps) {
        ASSERT_EQ(0, bdk_thread_send_msg(
                         app(),
                         [](void* ctx) {
                             auto* s = static_cast<Step*>(ctx);
                             s->seen->push_back(s->value);
                         },
                         &step));
    }
    settle(app());
    ASSERT_EQ(seen.size(), 1000u);
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

TEST_F(ThreadTest, SendToSelfRunsLaterExecToSelfRunsNow) {
    std::atomic<int> count{0};
    on_app([&] {
        ASSERT_EQ(0, bdk_thread_send_msg(app(), count_up, &count));
        EXPECT_EQ(count, 0);
        ASSERT_EQ(0, bdk_thread_exec_msg(app(), count_up, &count));
        EXPECT_EQ(count, 1);
    });
    settle(app());
    EXPECT_EQ(count, 2);
}

TEST_F(ThreadTest, ExecToAnotherThreadIsAMessage) {
    std::atomic<int> count{0};
    ASSERT_EQ(0, bdk_thread_exec_msg(app(), count_up, &count));
    settle(app());
    EXPECT_EQ(count, 1);
}

TEST_F(ThreadTest, AFullRingRefusesAndNamesWhatStarvesTheReactor) {
    bdk_thread* busy = new_thread("busy");
    Event entered;
    Event leave;
    struct Block {
        Event& entered;
        Event& leave;
    } block{entered, leave};
    bdk_thread_send_msg(
        busy,
        [](void* ctx) {
            auto* b = static_cast<Block*>(ctx);
            b->entered.set();
            b->leave.wait();
        },
        &block);
    entered.wait();
    const LogCapture log;
    std::atomic<int> count{0};
    int sent = 0;
    while (bdk_thread_send_msg(busy, count_up, &count) == 0)
        ++sent;
    EXPECT_EQ(bdk_thread_send_msg(busy, count_up, &count), -ENOMEM);
    EXPECT_EQ(sent, 65536);
    EXPECT_TRUE(log.contains("message ring of thread 'busy' is full (65536 messages): the reactor of core"))
        << log.text();
    EXPECT_TRUE(log.contains("is starved; it runs thread_test+0x")) << log.text();
    leave.set();
    while (count != sent)
        std::this_thread::yield();
    end_thread(busy);
}

TEST_F(ThreadTest, TheLibrarysOwnMessagesFindRoomInAFullRing) {
    std::atomic<int> count{0};
    on_app([&] {
        while (bdk_thread_send_msg(
                   app(), [](void*) {}, nullptr) == 0) {
        }
        EXPECT_TRUE(send_always(app(), count_up, &count));
    });
    while (count != 1)
        std::this_thread::yield();
}

TEST_F(ThreadTest, AnExitedThreadTakesNoMessage) {
    bdk_thread* gone = new_thread("gone");
    EXPECT_FALSE(bdk_thread_is_exiting(gone));
    const uint64_t id = bdk_thread_get_id(gone);
    call_on(gone, [&] {
        EXPECT_EQ(0, bdk_thread_exit());
        EXPECT_EQ(-EALREADY, bdk_thread_exit());
        EXPECT_TRUE(bdk_thread_is_exiting(gone));
    });
    while (bdk_thread_get_by_id(id) != nullptr)
        std::this_thread::yield();
    EXPECT_EQ(-EIO, bdk_thread_send_msg(gone, count_up, nullptr));
    EXPECT_EQ(-EIO, bdk_thread_send_critical_msg(gone, count_up));
    EXPECT_EQ(bdk_thread_get_count(), 1u);
}

TEST_F(ThreadTest, WhatWasSentToAnExitingThreadRuns) {
    // Every message that was taken runs, however the exit falls between: senders race with it.
    for (int round = 0; round < 50; ++round) {
        bdk_thread* leaving = new_thread("leaving");
        std::atomic<int> ran{0};
        std::atomic<int> taken{0};
        std::vector<std::jthread> senders;
        for (int s = 0; s < 2; ++s) {
            senders.emplace_back([&] {
                while (bdk_thread_send_msg(leaving, count_up, &ran) == 0)
                    ++taken;
            });
        }
        const uint64_t id = bdk_thread_get_id(leaving);
        while (bdk_thread_send_msg(
                   leaving, [](void*) { bdk_thread_exit(); }, nullptr) == -ENOMEM) {
        }
        senders.clear();
        while (bdk_thread_get_by_id(id) != nullptr)
            std::this_thread::yield();
        ASSERT_EQ(ran, taken);
    }
}

TEST_F(ThreadTest, TheAppThreadCannotExit) {
    on_app([] { EXPECT_EQ(bdk_thread_exit(), -EINVAL); });
}

TEST_F(ThreadTest, StatsCountMessagesAndTime) {
    bdk_thread_stats stats{.size = sizeof(stats)};
    while (!app()->reactor.load()->sleeping())
        std::this_thread::yield();
    on_app([&] { ASSERT_EQ(0, bdk_thread_get_stats(&stats)); });
    EXPECT_GE(stats.messages, 1u);
    EXPECT_GT(stats.busy_ns, 0u);
    EXPECT_GT(stats.idle_ns, 0u);
    EXPECT_EQ(bdk_thread_get_stats(&stats), -EINVAL) << "outside a bdk thread";
    stats.size = 0;
    on_app([&] { EXPECT_EQ(bdk_thread_get_stats(&stats), -EINVAL); });
}

TEST_F(ThreadTest, StatsAreNotWrittenBeyondTheirSize) {
    bdk_thread_stats stats{.size = 16};
    stats.idle_ns = 77;
    on_app([&] { ASSERT_EQ(0, bdk_thread_get_stats(&stats)); });
    EXPECT_EQ(stats.idle_ns, 77u);
}

std::atomic<int> g_critical{0};
bdk_thread* g_critical_target = nullptr;
std::atomic<int> g_critical_result{1};

TEST_F(ThreadTest, ACriticalMessageIsSentFromASignalHandler) {
    g_critical = 0;
    g_critical_target = app();
    struct sigaction action {};
    struct sigaction before {};
    action.sa_handler = [](int) {
        g_critical_result = bdk_thread_send_critical_msg(g_critical_target, [](void*) { ++g_critical; });
    };
    sigaction(SIGUSR1, &action, &before);
    raise(SIGUSR1);
    sigaction(SIGUSR1, &before, nullptr);
    EXPECT_EQ(g_critical_result, 0);
    while (g_critical == 0)
        std::this_thread::yield();
}

TEST_F(ThreadTest, ACriticalMessageOvertakesOthersAndHasOneSlot) {
    static std::vector<std::string> order;
    order.clear();
    on_app([] {
        bdk_thread_send_msg(
            app(), [](void*) { order.emplace_back("ordinary"); }, nullptr);
        EXPECT_EQ(0, bdk_thread_send_critical_msg(app(), [](void* ctx) {
                      EXPECT_EQ(ctx, nullptr);
                      order.emplace_back("critical");
                  }));
        EXPECT_EQ(-EBUSY, bdk_thread_send_critical_msg(app(), [](void*) {}));
    });
    settle(app());
    EXPECT_EQ(order, (std::vector<std::string>{"critical", "ordinary"}));
}

TEST_F(ThreadTest, DeferredCallsRunAfterTheMessageThatQueuedThem) {
    struct Node : Deferred {
        std::vector<int>* order = nullptr;
        int value = 0;
    };
    std::vector<int> order;
    std::vector<Node> nodes(1000);
    on_app([&] {
        for (int i = 0; i < 1000; ++i) {
            Node& node = nodes[static_cast<size_t>(i)];
            node.order = &order;
            node.value = i;
            node.run = [](Deferred* self) {
                auto* mine = static_cast<Node*>(self);
                mine->order->push_back(mine->value);
            };
            current_thread()->deferred.push(&node);
        }
        EXPECT_TRUE(order.empty());
    });
    settle(app());
    ASSERT_EQ(order.size(), 1000u) << "beyond the budget of one turn";
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST_F(TwoReactorsTest, ThreadsSpreadOverTheReactors) {
    std::set<uint32_t> cores;
    std::vector<bdk_thread*> threads;
    for (int i = 0; i < 4; ++i)
        threads.push_back(new_thread(nullptr));
    for (bdk_thread* thread : threads)
        call_on(thread, [&] { cores.insert(bdk_get_current_core()); });
    EXPECT_EQ(cores.size(), 2u);
    for (bdk_thread* thread : threads)
        end_thread(thread);
}

TEST_F(TwoReactorsTest, AThreadMovesWithAllItHas) {
    bdk_thread* mover = new_thread_on("mover", core(0));
    std::atomic<int> runs{0};
    static std::atomic<uint32_t> poller_core;
    bdk_poller* poller = nullptr;
    call_on(mover, [&] {
        poller = bdk_poller_register(
            [](void* ctx) {
                ++*static_cast<std::atomic<int>*>(ctx);
                poller_core = bdk_get_current_core();
                return BDK_POLLER_IDLE;
            },
            &runs, 0, "counter");
        EXPECT_EQ(bdk_get_current_core(), core(0));
        EXPECT_EQ(0, bdk_thread_set_core(core(1)));
        EXPECT_EQ(bdk_get_current_core(), core(0)) << "it moves after the turn";
    });
    while (poller_core != core(1))
        std::this_thread::yield();
    call_on(mover, [&] {
        EXPECT_EQ(bdk_get_current_core(), core(1));
        EXPECT_EQ(bdk_thread_set_core(CPU_SETSIZE), -ENODEV);
        EXPECT_EQ(0, bdk_thread_set_core(core(1))) << "it is there already";
        bdk_poller_unregister(&poller);
        bdk_thread_exit();
    });
}

TEST_F(TwoReactorsTest, MessagesReachAThreadThatMovesAllTheTime) {
    bdk_thread* mover = new_thread_on("mover", core(0));
    std::atomic<int> count{0};
    constexpr int rounds = 500;
    struct Context {
        uint32_t cores[2];
        std::atomic<int>* count;
    } context{{core(0), core(1)}, &count};
    for (int i = 0; i < rounds; ++i) {
        while (bdk_thread_send_msg(
                   mover,
                   [](void* ctx) {
                       auto* c = static_cast<Context*>(ctx);
                       const bool on_first = bdk_get_current_core() == c->cores[0];
                       EXPECT_EQ(0, bdk_thread_set_core(c->cores[on_first ? 1 : 0]));
                       ++*c->count;
                   },
                   &context) == -ENOMEM) {
        }
        if (i % 10 == 0) settle(mover);
    }
    settle(mover);
    EXPECT_EQ(count, rounds);
    end_thread(mover);
}

TEST_F(TwoReactorsTest, ASleepingReactorIsWokenByEveryKindOfMessage) {
    bdk_thread* other = new_thread_on("other", core(1));
    Reactor* reactor = other->reactor.load();
    std::atomic<int> count{0};
    const auto wait_for_sleep = [&] {
        while (!reactor->sleeping())
            std::this_thread::yield();
    };
    wait_for_sleep();
    on_app([&] { bdk_thread_send_msg(other, count_up, &count); });
    while (count != 1)
        std::this_thread::yield();
    wait_for_sleep();
    on_app([&] { send_always(other, count_up, &count); });
    while (count != 2)
        std::this_thread::yield();
    wait_for_sleep();
    g_critical = 0;
    bdk_thread_send_critical_msg(other, [](void*) { ++g_critical; });
    while (g_critical != 1)
        std::this_thread::yield();
    end_thread(other);
}

TEST_F(ThreadTest, ForEachThreadVisitsEveryThreadOnItself) {
    bdk_thread* a = new_thread("a");
    bdk_thread* b = new_thread("b");
    static std::vector<std::string> visited;
    visited.clear();
    struct Walk {
        Event done;
        bdk_thread* done_on = nullptr;
    } walk;
    on_app([&] {
        bdk_for_each_thread([](void*) { visited.emplace_back(bdk_thread_get_name(bdk_get_thread())); }, &walk,
                            [](void* ctx) {
                                auto* w = static_cast<Walk*>(ctx);
                                w->done_on = bdk_get_thread();
                                w->done.set();
                            });
        EXPECT_TRUE(visited.empty()) << "never inside the call";
    });
    walk.done.wait();
    EXPECT_EQ(visited, (std::vector<std::string>{"app", "a", "b"}));
    EXPECT_EQ(walk.done_on, app());
    end_thread(a);
    end_thread(b);
}

TEST_F(ThreadTest, ForEachThreadSkipsThreadsThatExitMeanwhile) {
    bdk_thread* leaving = new_thread("leaving");
    static std::atomic<int> visits;
    visits = 0;
    static uint64_t leaving_id;
    leaving_id = bdk_thread_get_id(leaving);
    Event done;
    // The walk reaches the app thread first and waits there until the other one is gone.
    struct Context {
        bdk_thread* leaving;
        Event* done;
    } context{leaving, &done};
    call_on(leaving, [] { bdk_thread_exit(); });
    on_app([&] {
        bdk_for_each_thread([](void*) { ++visits; }, &context,
                            [](void* ctx) { static_cast<Context*>(ctx)->done->set(); });
    });
    done.wait();
    EXPECT_GE(visits, 1);
    EXPECT_LE(visits, 2);
    while (bdk_thread_get_by_id(leaving_id) != nullptr)
        std::this_thread::yield();
}

TEST_F(ThreadTest, ForEachThreadOutsideABdkThreadIsReported) {
    const LogCapture log;
    const uint64_t before = violation_count();
    bdk_for_each_thread(count_up, nullptr, count_up);
    EXPECT_EQ(violation_count(), before + 1);
    EXPECT_TRUE(log.contains("rule 4 broken: bdk_for_each_thread() outside a bdk thread")) << log.text();
}

TEST_F(ThreadTest, ClocksGoForward) {
    const uint64_t ns = bdk_get_time_ns();
    const uint64_t ticks = bdk_get_ticks();
    EXPECT_GT(bdk_get_ticks_hz(), 1'000'000u);
    EXPECT_GE(bdk_get_time_ns(), ns);
    EXPECT_GE(bdk_get_ticks(), ticks);
}

}  // namespace
}  // namespace bdk::test

// SPDX-License-Identifier: BSD-3-Clause
#include <bdevkit/poller.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "log/violation.hpp"
#include "support/event.hpp"
#include "support/host_test.hpp"
#include "support/log_capture.hpp"
#include "thread/poller.hpp"
#include "thread/reactor.hpp"
#include "thread/thread.hpp"

namespace bdk::test {
namespace {

/// A poller that counts its calls and runs a given function.
struct Probe {
    std::atomic<int> runs{0};
    bdk_poller* poller = nullptr;
    std::function<void(Probe&)> action = [](Probe&) {};
    int result = BDK_POLLER_IDLE;

    static int run(void* ctx) {
        auto* probe = static_cast<Probe*>(ctx);
        ++probe->runs;
        probe->action(*probe);
        return probe->result;
    }
    void start(uint64_t period_us = 0, const char* name = "probe") {
        poller = bdk_poller_register(run, this, period_us, name);
    }
    void wait_for_runs(int count) const {
        while (runs < count)
            std::this_thread::yield();
    }
};

class PollerTest : public HostTest {};

TEST_F(PollerTest, ABusyPollerRunsAgainAndAgain) {
    Probe probe;
    on_app([&] { probe.start(); });
    probe.wait_for_runs(100);
    on_app([&] {
        bdk_poller_unregister(&probe.poller);
        EXPECT_EQ(probe.poller, nullptr);
        probe.runs = 0;
    });
    settle(app());
    EXPECT_EQ(probe.runs, 0) << "it is not called after it was unregistered";
}

TEST_F(PollerTest, ABusyPollerWithoutWorkDoesNotKeepTheReactorAwake) {
    Probe probe;
    on_app([&] { probe.start(); });
    Reactor* reactor = app()->reactor.load();
    while (!reactor->sleeping())
        std::this_thread::yield();
    // It is still called, now and then.
    probe.wait_for_runs(probe.runs + 3);
    on_app([&] { bdk_poller_unregister(&probe.poller); });
}

TEST_F(PollerTest, ATimedPollerRunsNotBeforeItsTime) {
    Probe probe;
    const uint64_t start = bdk_get_time_ns();
    on_app([&] { probe.start(2000); });
    probe.wait_for_runs(5);
    EXPECT_GE(bdk_get_time_ns() - start, 5u * 2'000'000u - 100'000u);
    on_app([&] { bdk_poller_unregister(&probe.poller); });
}

TEST_F(PollerTest, ThousandsOfTimersRunInTheOrderOfTheirTime) {
    static std::vector<uint64_t> order;
    order.clear();
    static constexpr int count = 3000;
    struct Timer {
        bdk_poller* poller = nullptr;
        uint64_t due = 0;
    };
    std::vector<Timer> timers(count);
    static Event* all_run;
    Event event;
    all_run = &event;
    on_app([&] {
        for (int i = 0; i < count; ++i) {
            Timer& timer = timers[static_cast<size_t>(i)];
            const uint64_t period_us = 1000 + static_cast<uint64_t>(i) * 7919 % count;
            timer.poller = bdk_poller_register(
                [](void* ctx) {
                    auto* mine = static_cast<Timer*>(ctx);
                    order.push_back(mine->due);
                    bdk_poller_unregister(&mine->poller);
                    if (order.size() == count) all_run->set();
                    return BDK_POLLER_BUSY;
                },
                &timer, period_us, "timer");
            timer.due = timer.poller->next_run;
        }
    });
    event.wait();
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST_F(PollerTest, APausedPollerIsNotCalledUntilItIsResumed) {
    Probe busy;
    Probe timed;
    on_app([&] {
        busy.start();
        timed.start(1000);
        bdk_poller_pause(busy.poller);
        bdk_poller_pause(timed.poller);
        bdk_poller_pause(timed.poller);  // twice is once
    });
    Reactor* reactor = app()->reactor.load();
    while (!reactor->sleeping())
        std::this_thread::yield();
    settle(app());
    EXPECT_EQ(busy.runs, 0);
    EXPECT_EQ(timed.runs, 0);
    on_app([&] {
        bdk_poller_resume(busy.poller);
        bdk_poller_resume(timed.poller);
        bdk_poller_resume(timed.poller);
    });
    busy.wait_for_runs(2);
    timed.wait_for_runs(2);
    on_app([&] {
        bdk_poller_unregister(&busy.poller);
        bdk_poller_pause(timed.poller);
        bdk_poller_unregister(&timed.poller);  // a paused one
    });
}

TEST_F(PollerTest, APausedPollerCostsNothing) {
    Probe paused;
    Probe other;
    on_app([&] {
        paused.start();
        bdk_poller_pause(paused.poller);
        EXPECT_FALSE(current_thread()->pollers.has_busy());
        bdk_poller_unregister(&paused.poller);
        other.start();
        bdk_poller_unregister(&other.poller);
        EXPECT_EQ(current_thread()->pollers.count(), 0u);
    });
}

TEST_F(PollerTest, APollerPausesAndResumesItself) {
    Probe probe;
    probe.action = [](Probe& self) {
        bdk_poller_pause(self.poller);
        if (self.runs < 10) bdk_poller_resume(self.poller);
    };
    Probe timed;
    timed.action = probe.action;
    on_app([&] {
        probe.start();
        timed.start(100);
    });
    probe.wait_for_runs(10);
    timed.wait_for_runs(10);
    settle(app());
    EXPECT_EQ(probe.runs, 10);
    EXPECT_EQ(timed.runs, 10);
    on_app([&] {
        bdk_poller_unregister(&probe.poller);
        bdk_poller_unregister(&timed.poller);
    });
}

TEST_F(PollerTest, APollerUnregistersItself) {
    for (const uint64_t period : {0, 50}) {
        Probe probe;
        probe.action = [](Probe& self) { bdk_poller_unregister(&self.poller); };
        on_app([&] { probe.start(period); });
        probe.wait_for_runs(1);
        settle(app());
        EXPECT_EQ(probe.runs, 1);
        on_app([&] { EXPECT_EQ(probe.poller, nullptr); });
    }
}

TEST_F(PollerTest, APollerUnregistersAnotherOne) {
    // Both before and after itself in the order of calls; the poller that is gone is not called.
    for (const bool killer_first : {true, false}) {
        for (const uint64_t period : {0, 50}) {
            Probe victim;
            Probe killer;
            int at_death = -1;
            killer.action = [&](Probe& self) {
                if (self.runs != 3) return;
                bdk_poller_unregister(&victim.poller);
                at_death = victim.runs;
            };
            on_app([&] {
                if (killer_first) killer.start(period);
                victim.start(period);
                if (!killer_first) killer.start(period);
            });
            killer.wait_for_runs(6);
            on_app([&] {
                EXPECT_EQ(victim.runs, at_death);
                bdk_poller_unregister(&killer.poller);
            });
        }
    }
}

TEST_F(PollerTest, APollerRegistersOthers) {
    Probe child;
    Probe parent;
    parent.action = [&](Probe& self) {
        if (self.runs == 1) child.start();
    };
    on_app([&] { parent.start(); });
    child.wait_for_runs(1);
    on_app([&] {
        bdk_poller_unregister(&parent.poller);
        bdk_poller_unregister(&child.poller);
    });
}

TEST_F(PollerTest, AnUnregisteredPollersMemoryIsFreedInALaterTurn) {
    Probe probe;
    on_app([&] { probe.start(); });
    on_app([&] {
        bdk_poller* poller = probe.poller;
        bdk_poller_unregister(&probe.poller);
        EXPECT_EQ(poller->state, bdk_poller::State::unregistered)
            << "the address sanitizer says if it is freed";
        EXPECT_EQ(current_thread()->pollers.count(), 0u);
        bdk_poller_unregister(&probe.poller);  // NULL is ignored
    });
}

TEST_F(PollerTest, StatsCountRunsAndBusyRuns) {
    Probe probe;
    probe.action = [](Probe& self) { self.result = self.runs % 2; };
    on_app([&] { probe.start(); });
    probe.wait_for_runs(10);
    on_app([&] {
        bdk_poller_stats stats{.size = sizeof(stats)};
        ASSERT_EQ(0, bdk_poller_get_stats(probe.poller, &stats));
        EXPECT_EQ(stats.runs, static_cast<uint64_t>(probe.runs));
        EXPECT_EQ(stats.busy_runs, (stats.runs + 1) / 2);
        stats.size = 0;
        EXPECT_EQ(-EINVAL, bdk_poller_get_stats(probe.poller, &stats));
        bdk_poller_unregister(&probe.poller);
    });
}

int nameless(void*) {
    return BDK_POLLER_IDLE;
}

TEST_F(PollerTest, HasANameOfItsOwnOrThatOfItsFunction) {
    on_app([] {
        bdk_poller* named = bdk_poller_register(nameless, nullptr, 0, "mine");
        bdk_poller* unnamed = bdk_poller_register(nameless, nullptr, 0, nullptr);
        EXPECT_EQ(named->name, "mine");
        EXPECT_EQ(unnamed->name.find("poller_test+0x"), 0u) << unnamed->name;
        bdk_poller_unregister(&named);
        bdk_poller_unregister(&unnamed);
    });
}

TEST_F(PollerTest, OutsideABdkThreadNothingIsDoneAndItIsReported) {
    const LogCapture log;
    EXPECT_EQ(nullptr, bdk_poller_register(nameless, nullptr, 0, "early"));
    EXPECT_TRUE(
        log.contains("rule 4 broken: bdk_poller_register() outside a bdk thread; object: poller 'early'"))
        << log.text();
    Probe probe;
    on_app([&] { probe.start(); });
    bdk_poller_unregister(&probe.poller);
    EXPECT_NE(probe.poller, nullptr);
    EXPECT_TRUE(
        log.contains("rule 4 broken: bdk_poller_unregister() outside a bdk thread; object: poller 'probe'"))
        << log.text();
    on_app([&] { bdk_poller_unregister(&probe.poller); });
}

TEST_F(PollerTest, OnAnotherThreadNothingIsDoneAndItIsReported) {
    bdk_thread* other = new_thread("other");
    Probe probe;
    on_app([&] { probe.start(); });
    const LogCapture log;
    call_on(other, [&] {
        bdk_poller_pause(probe.poller);
        bdk_poller_resume(probe.poller);
        bdk_poller_unregister(&probe.poller);
        EXPECT_NE(probe.poller, nullptr);
    });
    for (const char* what : {"pause", "resume", "unregister"}) {
        EXPECT_TRUE(log.contains("rule 2 broken: bdk_poller_" + std::string(what) + "() on the wrong thread"))
            << log.text();
    }
    EXPECT_TRUE(log.contains("owner: thread 'app'")) << log.text();
    EXPECT_TRUE(log.contains("caller: thread 'other'")) << log.text();
    EXPECT_TRUE(log.contains("plugin: poller_test")) << log.text();
    on_app([&] { bdk_poller_unregister(&probe.poller); });
    end_thread(other);
}

class PollModeTest : public HostTest {
protected:
    PollModeTest() { options_.reactors.mode = ReactorMode::poll; }
};

TEST_F(PollModeTest, NeverSleeps) {
    const Activity& activity = app()->reactor.load()->activity();
    for (int i = 0; i < 20; ++i) {
        EXPECT_FALSE(app()->reactor.load()->sleeping());
        const uint64_t before = activity.steps();
        while (activity.steps() == before)
            std::this_thread::yield();
    }
}

class InterruptModeTest : public HostTest {
protected:
    InterruptModeTest() { options_.reactors.mode = ReactorMode::interrupt; }
};

TEST_F(InterruptModeTest, PollersAndTimersRun) {
    Probe busy;
    Probe timed;
    on_app([&] {
        busy.start();
        timed.start(500);
    });
    busy.wait_for_runs(5);
    timed.wait_for_runs(5);
    on_app([&] {
        bdk_poller_unregister(&busy.poller);
        bdk_poller_unregister(&timed.poller);
    });
}

/// How often the calling pthread has gone to sleep so far.
long sleeps_so_far() {
    rusage usage{};
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
}

TEST_F(PollerTest, APauseOfItsReactorDoesNotSlowDownAPollerThatWasBusy) {
    struct Device {
        int calls = 0;
        long sleeps = 0;
        Event called_often;
        bdk_poller* poller = nullptr;
    } device;
    on_app([&] {
        auto poll = [](void* arg) {
            auto* self = static_cast<Device*>(arg);
            const int call = ++self->calls;
            if (call == 1) return BDK_POLLER_BUSY;
            if (call == 2) {
                // As if the kernel had given the core to another process for so long.
                for (uint64_t end = bdk_get_time_ns() + 30'000'000; bdk_get_time_ns() < end;) {
                }
                self->sleeps = sleeps_so_far();
            }
            if (call == 40) {
                self->sleeps = sleeps_so_far() - self->sleeps;
                bdk_poller_unregister(&self->poller);
                self->called_often.set();
            }
            return BDK_POLLER_IDLE;
        };
        device.poller = bdk_poller_register(poll, &device, 0, "device");
    });
    device.called_often.wait();
    EXPECT_EQ(device.sleeps, 0) << "it is called at once, again and again";
}

TEST_F(PollerTest, APollerThatIsAlwaysBusyKeepsItsReactorAwake) {
    struct Device {
        uint64_t end = bdk_get_time_ns() + 50'000'000;  // longer than an idle one is waited for
        long sleeps = -1;
        Event ended;
        bdk_poller* poller = nullptr;
    } device;
    on_app([&] {
        auto poll = [](void* arg) {
            auto* self = static_cast<Device*>(arg);
            if (self->sleeps < 0) self->sleeps = sleeps_so_far();
            if (bdk_get_time_ns() > self->end) {
                self->sleeps = sleeps_so_far() - self->sleeps;
                bdk_poller_unregister(&self->poller);
                self->ended.set();
            }
            return BDK_POLLER_BUSY;
        };
        device.poller = bdk_poller_register(poll, &device, 0, "device");
    });
    device.ended.wait();
    EXPECT_EQ(device.sleeps, 0);
}

}  // namespace
}  // namespace bdk::test

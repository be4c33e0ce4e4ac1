// SPDX-License-Identifier: BSD-3-Clause
#include <bdevkit/io_channel.h>

#include <atomic>
#include <thread>

#include "support/event.hpp"
#include "support/host_test.hpp"
#include "support/log_capture.hpp"
#include "thread/thread.hpp"

namespace bdk::test {
namespace {

/// An io_device with a channel on each of some threads, and a walk over them.
class ForEachChannelTest : public HostTest {
public:
    void SetUp() override {
        HostTest::SetUp();
        on_app([this] {
            ASSERT_EQ(0, bdk_io_device_register(
                             this, nullptr, [](void* d, void*) { ++self(d)->destroyed_; }, 8, "disk"));
        });
        for (int i = 0; i < 4; ++i)
            threads_.push_back(new_thread(("worker" + std::to_string(i)).c_str()));
        channels_.resize(threads_.size());
        for (size_t i = 0; i < threads_.size(); ++i) {
            call_on(threads_[i], [&] { channels_[i] = bdk_get_io_channel(this); });
        }
    }

    void TearDown() override {
        for (size_t i = 0; i < threads_.size(); ++i) {
            call_on(threads_[i], [&] {
                if (channels_[i] != nullptr) bdk_put_io_channel(channels_[i]);
                bdk_thread_exit();
            });
        }
        on_app([this] {
            if (unregister_calls_ == 0) {
                EXPECT_EQ(0, unregister());
            }
        });
        while (unregistered_ == 0)
            std::this_thread::yield();
        HostTest::TearDown();
    }

    int unregister() {
        ++unregister_calls_;
        return bdk_io_device_unregister(this, [](void* d) { ++self(d)->unregistered_; });
    }

    /// Starts a walk whose visits call on_visit_.
    void walk() {
        bdk_for_each_channel(
            this,
            [](bdk_io_channel_iter* iter) {
                auto* test = self(bdk_io_channel_iter_get_ctx(iter));
                test->visited_.push_back(bdk_get_thread());
                EXPECT_EQ(bdk_io_channel_get_thread(bdk_io_channel_iter_get_channel(iter)), bdk_get_thread());
                EXPECT_EQ(bdk_io_channel_iter_get_io_device(iter), test);
                test->on_visit_(iter);
            },
            this,
            [](bdk_io_channel_iter* iter, int status) {
                auto* test = self(bdk_io_channel_iter_get_ctx(iter));
                EXPECT_EQ(bdk_io_channel_iter_get_channel(iter), nullptr);
                EXPECT_EQ(bdk_get_thread(), test->app());
                test->on_end_();
                test->status_ = status;
                test->ended_.set();
            });
    }

    static ForEachChannelTest* self(void* ctx) { return static_cast<ForEachChannelTest*>(ctx); }

    std::vector<bdk_thread*> threads_;
    std::vector<bdk_io_channel*> channels_;
    std::vector<bdk_thread*> visited_;
    std::function<void(bdk_io_channel_iter*)> on_visit_ = [](auto* iter) {
        bdk_for_each_channel_continue(iter, 0);
    };
    std::function<void()> on_end_ = [] {};
    Event ended_;
    int status_ = 1;
    std::atomic<int> destroyed_{0};
    std::atomic<int> unregistered_{0};
    int unregister_calls_ = 0;
};

TEST_F(ForEachChannelTest, VisitsEveryChannelOnItsThreadAndEndsWhereItStarted) {
    on_app([this] {
        walk();
        EXPECT_TRUE(visited_.empty()) << "never inside the call";
    });
    ended_.wait();
    EXPECT_EQ(status_, 0);
    EXPECT_EQ(visited_, threads_);
}

TEST_F(ForEachChannelTest, ThreadsWithoutAChannelAreNotVisited) {
    call_on(threads_[1], [this] { bdk_put_io_channel(std::exchange(channels_[1], nullptr)); });
    settle(threads_[1]);
    on_app([this] { walk(); });
    ended_.wait();
    EXPECT_EQ(visited_, (std::vector<bdk_thread*>{threads_[0], threads_[2], threads_[3]}));
}

TEST_F(ForEachChannelTest, ChannelsThatVanishMeanwhileAreSkipped) {
    // The first visit holds the walk until the second channel is destroyed.
    on_visit_ = [this](bdk_io_channel_iter* iter) {
        if (bdk_get_thread() != threads_[0]) return bdk_for_each_channel_continue(iter, 0);
        static bdk_io_channel_iter* held;
        held = iter;
        bdk_thread_send_msg(
            threads_[1],
            [](void* ctx) {
                auto* test = self(ctx);
                bdk_put_io_channel(std::exchange(test->channels_[1], nullptr));
                bdk_thread_send_msg(
                    bdk_get_thread(),
                    [](void* c) {
                        EXPECT_EQ(self(c)->destroyed_, 1);
                        bdk_thread_send_msg(
                            self(c)->threads_[0], [](void*) { bdk_for_each_channel_continue(held, 0); },
                            nullptr);
                    },
                    test);
            },
            this);
    };
    on_app([this] { walk(); });
    ended_.wait();
    EXPECT_EQ(visited_, (std::vector<bdk_thread*>{threads_[0], threads_[2], threads_[3]}));
    EXPECT_EQ(status_, 0);
}

TEST_F(ForEachChannelTest, ThreadsThatExitMeanwhileAreSkipped) {
    call_on(threads_[3], [this] {
        bdk_put_io_channel(channels_[3]);
        bdk_thread_exit();
    });
    on_app([this] { walk(); });
    ended_.wait();
    EXPECT_EQ(status_, 0);
    EXPECT_GE(visited_.size(), 3u);
    threads_.pop_back();
}

TEST_F(ForEachChannelTest, TheFirstErrorEndsTheWalkAndIsReported) {
    on_visit_ = [this](bdk_io_channel_iter* iter) {
        bdk_for_each_channel_continue(iter, bdk_get_thread() == threads_[1] ? -EIO : 0);
    };
    on_app([this] { walk(); });
    ended_.wait();
    EXPECT_EQ(status_, -EIO);
    EXPECT_EQ(visited_, (std::vector<bdk_thread*>{threads_[0], threads_[1]}));
}

TEST_F(ForEachChannelTest, AVisitMayContinueLater) {
    on_visit_ = [](bdk_io_channel_iter* iter) {
        bdk_thread_send_msg(
            bdk_get_thread(),
            [](void* arg) { bdk_for_each_channel_continue(static_cast<bdk_io_channel_iter*>(arg), 0); },
            iter);
    };
    on_app([this] { walk(); });
    ended_.wait();
    EXPECT_EQ(visited_, threads_);
}

TEST_F(ForEachChannelTest, ContinuingOnTheWrongThreadIsReportedAndGoesOn) {
    const LogCapture log;
    on_visit_ = [](bdk_io_channel_iter* iter) {
        bdk_thread_send_msg(
            app(),
            [](void* arg) { bdk_for_each_channel_continue(static_cast<bdk_io_channel_iter*>(arg), 0); },
            iter);
    };
    on_app([this] { walk(); });
    ended_.wait();
    EXPECT_EQ(visited_, threads_);
    EXPECT_TRUE(
        log.contains("rule 2 broken: bdk_for_each_channel_continue() on the wrong thread; object: walk over "
                     "the io_channels of 'disk'; owner: thread 'worker0'"))
        << log.text();
}

TEST_F(ForEachChannelTest, WithoutContinueItNeverEnds) {
    static std::atomic<bdk_io_channel_iter*> held;
    held = nullptr;
    on_visit_ = [](bdk_io_channel_iter* iter) { held = iter; };
    on_app([this] { walk(); });
    while (held == nullptr)
        std::this_thread::yield();
    for (bdk_thread* thread : threads_)
        settle(thread);
    EXPECT_EQ(status_, 1) << "not ended";
    on_visit_ = [](auto* iter) { bdk_for_each_channel_continue(iter, 0); };
    call_on(threads_[0], [] { bdk_for_each_channel_continue(held, 0); });
    ended_.wait();
}

TEST_F(ForEachChannelTest, UnregisterDuringAWalkWaitsForItsEnd) {
    static std::atomic<bdk_io_channel_iter*> held;
    held = nullptr;
    on_visit_ = [](bdk_io_channel_iter* iter) {
        if (held == nullptr) {
            held = iter;
        } else {
            bdk_for_each_channel_continue(iter, 0);
        }
    };
    on_end_ = [this] { EXPECT_EQ(unregistered_, 0) << "the device is there in the completion"; };
    on_app([this] { walk(); });
    while (held == nullptr)
        std::this_thread::yield();
    on_app([this] {
        EXPECT_EQ(0, unregister());
        EXPECT_EQ(-EBUSY, unregister()) << "a second one while the first is pending";
        EXPECT_EQ(bdk_get_io_channel(this), nullptr) << "new channels are refused at once";
    });
    for (size_t i = 0; i < threads_.size(); ++i) {
        call_on(threads_[i], [&] { bdk_put_io_channel(std::exchange(channels_[i], nullptr)); });
    }
    // The channel of the first thread is still being visited: all others may be gone by now.
    settle(app());
    EXPECT_EQ(unregistered_, 0);
    call_on(threads_[0], [] { bdk_for_each_channel_continue(held, 0); });
    ended_.wait();
    EXPECT_EQ(status_, 0);
    EXPECT_EQ(visited_.size(), 1u);
}

TEST_F(ForEachChannelTest, TheCompletionMayUnregister) {
    on_end_ = [this] {
        EXPECT_EQ(0, unregister());
        EXPECT_EQ(unregistered_, 0);
    };
    on_app([this] { walk(); });
    ended_.wait();
}

TEST_F(ForEachChannelTest, WalksRunSideBySide) {
    std::atomic<int> ends{0};
    on_app([&] {
        for (int i = 0; i < 10; ++i) {
            bdk_for_each_channel(
                this, [](bdk_io_channel_iter* iter) { bdk_for_each_channel_continue(iter, 0); }, &ends,
                [](bdk_io_channel_iter* iter, int) {
                    ++*static_cast<std::atomic<int>*>(bdk_io_channel_iter_get_ctx(iter));
                });
        }
    });
    while (ends != 10)
        std::this_thread::yield();
}

TEST_F(ForEachChannelTest, TheCompletionMayBeMissing) {
    on_app([this] {
        bdk_for_each_channel(
            this, [](bdk_io_channel_iter* iter) { bdk_for_each_channel_continue(iter, 0); }, nullptr,
            nullptr);
        walk();
    });
    ended_.wait();
}

TEST_F(ForEachChannelTest, AnUnknownDeviceEndsAtOnceWithAnError) {
    static Event ended;
    static int status;
    int unknown = 0;
    on_app([&] {
        bdk_for_each_channel(
            &unknown, [](bdk_io_channel_iter*) { FAIL(); }, nullptr,
            [](bdk_io_channel_iter*, int rc) {
                status = rc;
                ended.set();
            });
    });
    ended.wait();
    EXPECT_EQ(status, -ENODEV);
}

TEST_F(ForEachChannelTest, OutsideABdkThreadItIsReported) {
    const LogCapture log;
    walk();
    EXPECT_TRUE(log.contains("rule 4 broken: bdk_for_each_channel() outside a bdk thread")) << log.text();
}

}  // namespace
}  // namespace bdk::test

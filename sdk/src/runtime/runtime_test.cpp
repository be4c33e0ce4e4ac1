// SPDX-License-Identifier: BSD-3-Clause
#include "runtime/runtime.hpp"

#include <gtest/gtest.h>
#include <sched.h>

#include <stdexcept>
#include <thread>

#include "base/cpus.hpp"
#include "support/await.hpp"
#include "support/log_capture.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

RuntimeOptions on_cores(std::vector<uint32_t> cores) {
    RuntimeOptions options = test_runtime_options();
    options.reactors.cores = std::move(cores);
    return options;
}

std::unique_ptr<Runtime> start(const RuntimeOptions& options) {
    auto started = Runtime::start(options);
    EXPECT_TRUE(started.has_value()) << started.error();
    return started ? std::move(*started) : nullptr;
}

TEST(RuntimeTest, RunsFunctionsOnTheAppThread) {
    const auto runtime = start(test_runtime_options());
    bdk_thread* seen = nullptr;
    call_on_app_thread([&] { seen = bdk_get_thread(); });
    EXPECT_EQ(seen, bdk_thread_get_app_thread());
    EXPECT_EQ(bdk_get_thread(), nullptr);
}

TEST(RuntimeTest, ThrowsWhatTheFunctionThrows) {
    const auto runtime = start(test_runtime_options());
    EXPECT_THROW(call_on_app_thread([] { throw std::runtime_error("lost"); }), std::runtime_error);
}

TEST(RuntimeTest, AwaitReturnsWhatIsPassedToDoneLater) {
    const auto runtime = start(test_runtime_options());
    EXPECT_EQ(-EIO, await_on_app_thread([](Done done) {
        auto* later = new Done(std::move(done));
        bdk_thread_send_msg(
            bdk_get_thread(),
            [](void* arg) {
                const std::unique_ptr<Done> mine(static_cast<Done*>(arg));
                (*mine)(-EIO);
            },
            later);
    }));
}

TEST(RuntimeTest, StartsAThousandTimesInOneProcess) {
    for (int i = 0; i < 1000; ++i) {
        const auto runtime = start(test_runtime_options());
        ASSERT_NE(runtime, nullptr);
    }
    EXPECT_EQ(bdk_thread_get_app_thread(), nullptr);
    EXPECT_EQ(bdk_thread_get_count(), 0u);
}

TEST(RuntimeTest, OnlyOneAtATime) {
    const auto runtime = start(test_runtime_options());
    const auto second = Runtime::start(test_runtime_options());
    ASSERT_FALSE(second.has_value());
    EXPECT_NE(second.error().find("already"), std::string::npos);
}

TEST(RuntimeTest, ACoreThatIsNotAvailableIsRefused) {
    const auto refused = Runtime::start(on_cores({CPU_SETSIZE - 1}));
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().find("not available"), std::string::npos) << refused.error();
    const auto twice = Runtime::start(on_cores({available_cores()[0], available_cores()[0]}));
    ASSERT_FALSE(twice.has_value());
    EXPECT_NE(twice.error().find("twice"), std::string::npos) << twice.error();
}

TEST(RuntimeTest, TheCallersAffinityStays) {
    const std::vector<uint32_t> before = available_cores();
    const auto runtime = start(test_runtime_options());
    EXPECT_EQ(available_cores(), before);
}

TEST(RuntimeTest, ReactorsRunOnTheirCores) {
    const RuntimeOptions options = test_runtime_options_with_reactors(2);
    const auto runtime = start(options);
    for (const uint32_t core : options.reactors.cores) {
        std::vector<uint64_t> mask(core / 64 + 1);
        mask[core / 64] = 1ull << (core % 64);
        bdk_thread* thread = bdk_thread_create("pinned", mask.data(), static_cast<uint32_t>(mask.size()));
        ASSERT_NE(thread, nullptr);
        call_on(thread, [&] {
            EXPECT_EQ(bdk_get_current_core(), core);
            EXPECT_EQ(static_cast<uint32_t>(sched_getcpu()), core);
            bdk_thread_exit();
        });
    }
}

TEST(RuntimeTest, ThreadsThatWereNotAskedToExitAreNamedAtTheEnd) {
    auto runtime = start(test_runtime_options());
    bdk_thread_create("forgotten", nullptr, 0);
    const LogCapture log;
    runtime.reset();
    EXPECT_TRUE(log.contains("bdk_thread_exit() was not called on thread 'forgotten'")) << log.text();
}

TEST(RuntimeTest, WithoutAHostCallsAreRefused) {
    EXPECT_THROW(call_on_app_thread([] {}), std::logic_error);
    EXPECT_EQ(bdk_thread_create("x", nullptr, 0), nullptr);
}

}  // namespace
}  // namespace bdk::test

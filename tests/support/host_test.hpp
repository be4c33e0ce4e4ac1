// SPDX-License-Identifier: BSD-3-Clause
// A GoogleTest fixture with a running host, for tests of what is below modules and bdevs.
#pragma once

#include <bdevkit/thread.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <utility>

#include "runtime/runtime.hpp"
#include "support/await.hpp"
#include "support/test_host.hpp"

namespace bdk::test {

/// The host runs from SetUp() to TearDown(), or until the test resets host_.
class HostTest : public ::testing::Test {
protected:
    explicit HostTest(RuntimeOptions options = test_runtime_options()) : options_(std::move(options)) {}

    void SetUp() override { host_.emplace(options_); }
    void TearDown() override { host_.reset(); }

    /// Runs fn on the app thread.
    static void on_app(const std::function<void()>& fn) { call_on_app_thread(fn); }
    static bdk_thread* app() { return bdk_thread_get_app_thread(); }

    /// A thread that the test ends with end_thread().
    static bdk_thread* new_thread(const char* name) { return bdk_thread_create(name, nullptr, 0); }
    static void end_thread(bdk_thread* thread) {
        call_on(thread, [] { EXPECT_EQ(0, bdk_thread_exit()); });
    }

    RuntimeOptions options_;
    std::optional<TestHost> host_;
};

}  // namespace bdk::test

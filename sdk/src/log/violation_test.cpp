// SPDX-License-Identifier: BSD-3-Clause
#include "log/violation.hpp"

#include <bdevkit/memory.h>

#include "support/host_test.hpp"
#include "support/log_capture.hpp"

namespace bdk::test {
namespace {

class ViolationTest : public HostTest {};

TEST_F(ViolationTest, SaysRuleObjectOwnerCallerPluginAndAdvice) {
    const LogCapture log;
    on_app([] {
        report_violation({.rule = 2,
                          .what = "use on the wrong thread",
                          .object = "io_channel of 'disk'",
                          .owner = bdk_thread_get_app_thread(),
                          .advice = "send a message",
                          .return_address = __builtin_return_address(0)});
    });
    const std::string app_text = "thread 'app' (" + std::to_string(bdk_thread_get_id(app())) + ")";
    EXPECT_TRUE(log.contains("rule 2 broken: use on the wrong thread; object: io_channel of 'disk'; owner: " +
                             app_text + "; caller: " + app_text + "; plugin: "))
        << log.text();
    EXPECT_TRUE(log.contains("; instead: send a message")) << log.text();
}

TEST_F(ViolationTest, RulesOfTheModuleInterfaceHaveNoNumber) {
    const LogCapture log;
    report_violation({.rule = 0, .what = "a callback was called twice"});
    EXPECT_TRUE(log.contains("module rule broken: a callback was called twice; caller: no bdk thread"))
        << log.text();
}

TEST_F(ViolationTest, AreCounted) {
    const LogCapture log;
    const uint64_t before = violation_count();
    report_violation({.rule = 1, .what = "x"});
    EXPECT_EQ(violation_count(), before + 1);
}

TEST(ViolationDeathTest, ThePolicyAbortEndsTheProgramAfterTheReport) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            set_violation_policy(ViolationPolicy::abort);
            report_violation({.rule = 3, .what = "completed twice"});
        },
        "rule 3 broken: completed twice");
}

TEST_F(ViolationTest, NamesTheObjectOfAnAddress) {
    EXPECT_EQ(object_name_of(reinterpret_cast<const void*>(&bdk_ring_create)), "libbdevkit.so.1");
    EXPECT_EQ(object_name_of(nullptr), "?");
    int local = 0;
    EXPECT_EQ(object_name_of(&local), "?");
}

}  // namespace
}  // namespace bdk::test

// SPDX-License-Identifier: BSD-3-Clause
#include "log/log.hpp"

#define BDK_LOG_COMPONENT "tester"
#include <bdevkit/log.h>

#include "support/host_test.hpp"
#include "support/log_capture.hpp"

namespace bdk::test {
namespace {

class LogTest : public ::testing::Test {
protected:
    void TearDown() override { set_log_level(BDK_LOG_NOTICE); }
};

TEST_F(LogTest, LinesBelowTheLevelAreNotWritten) {
    const LogCapture log;
    set_log_level(BDK_LOG_WARN);
    EXPECT_TRUE(bdk_log_enabled(BDK_LOG_WARN));
    EXPECT_FALSE(bdk_log_enabled(BDK_LOG_NOTICE));
    BDK_NOTICELOG("quiet");
    BDK_ERRLOG("loud %d", 7);
    EXPECT_FALSE(log.contains("quiet"));
    EXPECT_TRUE(log.contains("error  [-] tester: loud 7 (log_test.cpp:")) << log.text();
}

TEST_F(LogTest, TheSourceLineComesFromWarningsOn) {
    const LogCapture log;
    set_log_level(BDK_LOG_DEBUG);
    BDK_WARNLOG("a");
    BDK_NOTICELOG("b");
    BDK_INFOLOG("c");
    BDK_DEBUGLOG("d");
    EXPECT_TRUE(log.contains("warn   [-] tester: a (log_test.cpp:")) << log.text();
    EXPECT_TRUE(log.contains("notice [-] tester: b\n")) << log.text();
    EXPECT_TRUE(log.contains("info   [-] tester: c\n")) << log.text();
    EXPECT_TRUE(log.contains("debug  [-] tester: d\n")) << log.text();
}

// log.h gives plugins that say nothing the name "plugin".
TEST_F(LogTest, APluginWithoutANameLogsAsItsFile) {
    const LogCapture log;
    bdk_log(BDK_LOG_NOTICE, "plugin", nullptr, 0, "a");
    bdk_log(BDK_LOG_NOTICE, nullptr, nullptr, 0, "b");
    EXPECT_TRUE(log.contains("notice [-] log_test: a\n")) << log.text();
    EXPECT_TRUE(log.contains("notice [-] log_test: b\n")) << log.text();
}

TEST_F(LogTest, AFinishedTextIsWrittenAsItIs) {
    const LogCapture log;
    bdk_log_text(BDK_LOG_NOTICE, "rust", nullptr, 0, "100%s of it");
    bdk_log_text(BDK_LOG_DEBUG, "rust", nullptr, 0, "too quiet");
    EXPECT_TRUE(log.contains("notice [-] rust: 100%s of it\n")) << log.text();
    EXPECT_FALSE(log.contains("too quiet"));
}

TEST_F(LogTest, LongLinesAreWhole) {
    const LogCapture log;
    const std::string text(100'000, 'x');
    BDK_NOTICELOG("%s\n", text.c_str());
    EXPECT_TRUE(log.contains(text + "\n"));
    EXPECT_FALSE(log.contains("\n\n")) << "a line end of the caller's is dropped";
}

TEST_F(LogTest, NoTextForgesALineOrMovesACursor) {
    const LogCapture log;
    BDK_NOTICELOG("a\xff\x1b[2Jb\u009bc\n2026-11-30 notice [app] forged\n  indented already");
    EXPECT_TRUE(log.contains(
        "tester: a\uFFFD\\x1b[2Jb\\u009bc\n    2026-11-30 notice [app] forged\n  indented already\n"))
        << log.text();
}

TEST_F(LogTest, LevelsHaveNames) {
    EXPECT_EQ(log_level_from_name("error"), BDK_LOG_ERROR);
    EXPECT_EQ(log_level_from_name("debug"), BDK_LOG_DEBUG);
    EXPECT_EQ(log_level_from_name("loud"), std::nullopt);
}

class LogThreadTest : public HostTest {};

TEST_F(LogThreadTest, TheThreadIsNamed) {
    const LogCapture log;
    on_app([] { BDK_NOTICELOG("here"); });
    EXPECT_TRUE(log.contains("notice [app] tester: here")) << log.text();
}

}  // namespace
}  // namespace bdk::test

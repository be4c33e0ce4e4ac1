// SPDX-License-Identifier: BSD-3-Clause
// The log and its reader, which here is the test.
#include "log/log_writer.hpp"

#define BDK_LOG_COMPONENT "tester"
#include <bdevkit/log.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "log/log.hpp"

namespace bdk {
namespace {

/// Standard error is a pipe while it lives.
class ErrorPipe {
public:
    ErrorPipe() : saved_(dup(STDERR_FILENO)) {
        int ends[2];
        EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
        reader_ = ends[0];
        dup2(ends[1], STDERR_FILENO);
        close(ends[1]);
    }
    ~ErrorPipe() {
        dup2(saved_, STDERR_FILENO);  // closes the last end to write to, which wakes the writer
        close(saved_);
        close(reader_);
    }
    ErrorPipe(const ErrorPipe&) = delete;
    ErrorPipe& operator=(const ErrorPipe&) = delete;

    /// Waits for the next line.
    std::string line() {
        size_t end;
        while ((end = text_.find('\n')) == std::string::npos) {
            char buffer[65536];
            const ssize_t count = read(reader_, buffer, sizeof(buffer));
            if (count <= 0) return "nobody writes any more";
            text_.append(buffer, static_cast<size_t>(count));
        }
        std::string line = text_.substr(0, end);
        text_.erase(0, end + 1);
        return line;
    }

private:
    int saved_;
    int reader_ = -1;
    std::string text_;
};

int number_in(const std::string& text, const char* before) {
    return std::stoi(text.substr(text.find(before) + std::char_traits<char>::length(before)));
}

TEST(LogWriterTest, WhoLogsDoesNotWaitForWhoeverReads) {
    ErrorPipe error;
    constexpr int count = 20'000;
    const std::string filling(100, '.');
    for (int i = 0; i < count; ++i)  // more than 2 MB, for which neither a pipe nor the ring has room
        log_plain("line " + std::to_string(i) + " " + filling);
    EXPECT_FALSE(flush_log(std::chrono::milliseconds(1)));
    int lines = 0;
    std::string line;
    while ((line = error.line()).starts_with("line "))
        EXPECT_EQ(number_in(line, "line "), lines++) << "none is missing before the first that is dropped";
    ASSERT_NE(line.find("messages were dropped: nobody reads standard error"), std::string::npos) << line;
    EXPECT_EQ(lines + number_in(line, "bdevkit: "), count) << "all that is missing is counted";
    log_plain("afterwards");
    EXPECT_EQ(error.line(), "afterwards");
}

TEST(LogWriterTest, FlushWaitsUntilAllIsWritten) {
    ErrorPipe error;
    for (int i = 0; i < 100; ++i)
        log_plain("line");
    EXPECT_TRUE(flush_log(std::chrono::seconds(60)));
    for (int i = 0; i < 100; ++i)
        EXPECT_EQ(error.line(), "line");
}

TEST(LogWriterTest, APlaceThatFloodsIsHeldBackAndCounted) {
    ErrorPipe error;
    constexpr int count = 5'000;
    for (int i = 0; i < count; ++i)
        BDK_ERRLOG("again");
    BDK_ERRLOG("another place");
    int told = 0;
    int held = 0;
    bool other = false;
    while (told + held < count) {
        const std::string line = error.line();
        if (line.find("tester: again (log_writer_test.cpp:") != std::string::npos) ++told;
        if (line.find("more messages of log_writer_test.cpp:") != std::string::npos)
            held += number_in(line, "bdevkit: ");
        other = other || line.find("another place") != std::string::npos;
    }
    EXPECT_EQ(told + held, count);
    EXPECT_GT(held, 0);
    EXPECT_TRUE(other) << "one place does not silence another one";
}

TEST(LogWriterDeathTest, LastWordsComeOutOfACrash) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "the sanitizer takes the signals of a crash for itself";
#endif
    const auto crash = [](int signal) {
        for (int i = 0; i < 1000; ++i)
            log_plain("a line before");
        log_plain("the last words");
        raise(signal);
    };
    EXPECT_EXIT(crash(SIGSEGV), testing::KilledBySignal(SIGSEGV), "the last words");
    EXPECT_EXIT(crash(SIGABRT), testing::KilledBySignal(SIGABRT), "the last words");
}

TEST(LogWriterDeathTest, LastWordsComeOutBeforeAnExit) {
    EXPECT_EXIT(
        {
            log_plain("the last words");
            std::exit(3);
        },
        testing::ExitedWithCode(3), "the last words");
    EXPECT_EXIT(
        {
            log_plain("the last words");
            flush_log(std::chrono::seconds(60));
            _exit(3);
        },
        testing::ExitedWithCode(3), "the last words");
}

}  // namespace
}  // namespace bdk

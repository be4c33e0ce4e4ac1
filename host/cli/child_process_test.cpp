// SPDX-License-Identifier: BSD-3-Clause
#include "cli/child_process.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace bdevkit::host {
namespace {

TEST(ChildProcess, GivesItsOutputAndExitCode) {
    const ChildResult result = run_child({"sh", "-c", "echo out; echo err >&2; exit 3"});
    EXPECT_EQ(result.error, 0);
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_EQ(result.output, "out\nerr\n");
}

TEST(ChildProcess, TakesArgumentsAsTheyAre) {
    EXPECT_EQ(run_child({"printf", "%s", "a 'b' \"$HOME\" *"}).output, "a 'b' \"$HOME\" *");
}

TEST(ChildProcess, HasNothingToRead) {
    EXPECT_EQ(run_child({"cat"}).output, "");
}

TEST(ChildProcess, WorksInTheFolderThatItIsGiven) {
    EXPECT_EQ(run_child({"pwd"}, "/").output, "/\n");
}

TEST(ChildProcess, AProgramThatIsNotThereIsSaidSo) {
    EXPECT_EQ(run_child({"no-such-program-of-bdevkit"}).error, ENOENT);
}

TEST(ChildProcess, ASignalIsAnExitCodeAsTheShellsIs) {
    EXPECT_EQ(run_child({"sh", "-c", "kill -KILL $$"}).exit_code, 128 + 9);
}

}  // namespace
}  // namespace bdevkit::host

// SPDX-License-Identifier: BSD-3-Clause
// Plugins that break one rule each: the report names the rule, the object, its owner, the caller, the plugin
// and what to do, and the host goes on.
#include <gtest/gtest.h>

#include "support/client.hpp"
#include "support/log_capture.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

class Rules : public testing::Test {
protected:
    void load(const std::string& rogue) { host.load(BDEVKIT_ROGUE_DIR "/" + rogue + ".so"); }

    /// Waits until a line with all of these words was logged.
    void wait_for_report(std::initializer_list<std::string_view> words) {
        while (!log.has(words))
            settle(bdk_thread_get_app_thread());
    }

    /// The limit of a user's host, which blocks_in_poller exceeds; a sanitizer's build has a longer one.
    static RuntimeOptions options() {
        RuntimeOptions options = test_runtime_options();
        options.blocked_limit = std::chrono::milliseconds(500);
        return options;
    }

    LogCapture log;
    TestHost host{options()};
};

TEST_F(Rules, CompletingTwice) {
    load("completes_twice");
    ASSERT_EQ(host.create("completes_twice", "disk"), 0);
    Client client("disk", Access::read);
    EXPECT_TRUE(client.try_read(0, 1).ok());
    EXPECT_TRUE(log.has({"module rule broken", "a bdev_io was completed twice", "object: read",
                         "caller: thread 'app'", "plugin: completes_twice.so",
                         "instead: complete each bdev_io once"}));
}

TEST_F(Rules, CompletingAFreedIo) {
    load("completes_freed_io");
    ASSERT_EQ(host.create("completes_freed_io", "disk"), 0);
    Client client("disk", Access::read);
    EXPECT_TRUE(client.try_read(0, 1).ok());
    wait_for_report({"module rule broken", "a freed bdev_io was completed", "object: read",
                     "caller: thread 'app'", "plugin: completes_freed_io.so", "instead:"});
    EXPECT_TRUE(client.try_read(0, 1).ok());
}

TEST_F(Rules, CompletingOnAnotherThread) {
    load("completes_elsewhere");
    ASSERT_EQ(host.create("completes_elsewhere", "disk"), 0);
    Client client("disk", Access::read);
    EXPECT_TRUE(client.try_read(0, 1).ok()) << "the completion is taken to the right thread";
    EXPECT_TRUE(log.has({"rule 3 broken", "completed on another thread", "object: read",
                         "owner: thread 'app'", "caller: thread 'rogue'", "plugin: completes_elsewhere.so",
                         "instead: send a message to bdk_bdev_io_get_thread(io)"}));
}

TEST_F(Rules, ClosingADescOnAnotherThread) {
    host.load("malloc");
    load("closes_desc_elsewhere");
    ASSERT_EQ(host.create("malloc", "base", {{"size", 1 << 20}}), 0);
    ASSERT_EQ(host.create("closes_desc_elsewhere", "disk", {{"base", "base"}}), 0);
    Client client("disk", Access::read);
    EXPECT_TRUE(client.try_read(0, 1).ok());
    EXPECT_TRUE(log.has({"rule 2 broken", "bdk_bdev_close() on the wrong thread",
                         "object: desc of bdev 'base'", "owner: thread 'app'", "caller: thread 'rogue'",
                         "plugin: closes_desc_elsewhere.so", "instead: send a message to the owner"}));
}

TEST_F(Rules, SubmittingOnAnotherThread) {
    host.load("malloc");
    load("submits_elsewhere");
    ASSERT_EQ(host.create("malloc", "base", {{"size", 1 << 20}}), 0);
    ASSERT_EQ(host.create("submits_elsewhere", "disk", {{"base", "base"}}), 0);
    Client client("disk", Access::read);
    EXPECT_EQ(client.try_read(0, 1).aio_errno, -EINVAL) << "the submission was refused";
    EXPECT_TRUE(log.has({"rule 2 broken", "bdk_bdev_read_blocks() on the wrong thread",
                         "object: io_channel of 'bdev:base'", "owner: thread 'app'", "caller: thread 'rogue'",
                         "plugin: submits_elsewhere.so", "or get a channel on each thread"}));
}

TEST_F(Rules, BlockingInAPoller) {
    load("blocks_in_poller");
    ASSERT_EQ(host.create("blocks_in_poller", "disk"), 0);
    Client client("disk", Access::read);
    EXPECT_TRUE(client.try_read(0, 1).ok());
    wait_for_report({"the reactor of core", "is held for", "by poller 'napper' of blocks_in_poller.so",
                     "on thread 'app'", "rule 5", "backtrace:", "blocks_in_poller.so("});
}

}  // namespace
}  // namespace bdk::test

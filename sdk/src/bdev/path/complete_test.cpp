// SPDX-License-Identifier: BSD-3-Clause
#include <bdevkit/bdev_io.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <thread>

#include "log/violation.hpp"
#include "support/client.hpp"
#include "support/raw_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

class Complete : public testing::Test {
protected:
    Complete() {
        host.add(&raw_disk_module);
        call_on_app_thread([&] { EXPECT_EQ(disk.add(), 0); });
    }

    RawDisk disk{"disk"};
    TestHost host;
};

/// A library that calls back on threads of its own completes I/O there.
TEST_F(Complete, FromAThreadThatIsNoneOfTheHostsGoesToTheSubmitters) {
    bdk_thread* submitter = host.new_thread("submitter");
    Client client("disk", Access::write, submitter);
    auto data = pattern(512);
    const uint64_t before = violation_count();
    for (const int rc : {0, -EIO}) {
        Awaited<bdk_bdev_io*> reached;
        call_on_app_thread([&] { disk.on_submit = reached.setter(); });
        auto write = client.start([&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_write_blocks(desc, ch, data.data(), 0, 1, nullptr, cb, arg);
        });
        bdk_bdev_io* io = reached.get();
        std::thread([=] { bdk_bdev_io_complete_remote(io, rc); }).join();
        const IoResult result = write.get();
        EXPECT_EQ(result.ok(), rc == 0);
        if (rc != 0) {
            EXPECT_EQ(result.status, BDK_BDEV_IO_STATUS_AIO_ERROR);
        }
    }
    EXPECT_EQ(violation_count(), before);
}

TEST_F(Complete, InsideOfSubmitItIsAnOrdinaryCompletion) {
    Client client("disk", Access::write);
    call_on_app_thread([&] { disk.on_submit = [](bdk_bdev_io* io) { bdk_bdev_io_complete_remote(io, 0); }; });
    EXPECT_TRUE(client.write(0, pattern(512)).ok());
}

}  // namespace
}  // namespace bdk::test

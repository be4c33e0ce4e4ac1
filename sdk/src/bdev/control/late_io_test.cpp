// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>

#include "support/client.hpp"
#include "support/log_capture.hpp"
#include "support/raw_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

TEST(LateIo, IsReportedWithItsWayAndItsModule) {
    RuntimeOptions options = test_runtime_options();
    options.bdev.late_io_ms = 5;
    RawDisk disk("disk");
    RawLayer layer("layer", "disk");
    TestHost host(options);
    host.add(&raw_disk_module);
    call_on_app_thread([&] {
        ASSERT_EQ(disk.add(), 0);
        ASSERT_EQ(layer.add(), 0);
        disk.hold = true;
    });
    LogCapture log;
    Client client("layer", Access::write);
    auto write =
        client.start([](bdk_bdev_desc* desc, bdk_io_channel* ch, bdk_bdev_io_completion_cb cb, void* arg) {
            return bdk_bdev_write_zeroes_blocks(desc, ch, 0, 1, nullptr, cb, arg);
        });
    while (!log.has({"watchdog", "write_zeroes", "outstanding"}))
        settle(bdk_thread_get_app_thread());
    EXPECT_TRUE(log.has(
        {"bdev 'layer' (module 'raw_disk') > bdev 'disk' (module 'raw_disk')", "the last module has it"}));
    call_on_app_thread([&] {
        disk.hold = false;
        disk.release();
    });
    EXPECT_TRUE(write.get().ok());
}

}  // namespace
}  // namespace bdk::test

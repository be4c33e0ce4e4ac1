// SPDX-License-Identifier: BSD-3-Clause
#include <bdevkit/bdev_module.h>
#include <bdevkit/memory.h>
#include <gtest/gtest.h>

#include "support/await.hpp"
#include "support/raw_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

class Inherit : public testing::Test {
protected:
    Inherit() {
        host.add(&raw_disk_module);
        disk.flags = BDK_BDEV_WRITE_CACHE | BDK_BDEV_ZONED;
        disk.bdev.required_alignment = 9;
        disk.bdev.max_rw_size = 64;
        disk.bdev.zone_size = 32;
        disk.bdev.max_open_zones = 3;
        disk.bdev.numa_id = 2;
    }

    void add() {
        call_on_app_thread([this] { ASSERT_EQ(disk.add(), 0); });
    }

    RawDisk disk{"disk"};
    RawLayer layer{"layer", "disk", 4};
    TestHost host;
};

TEST_F(Inherit, GivesTheShapeAndLeavesTheRest) {
    add();
    bdk_bdev own{};
    own.size = sizeof(own);
    own.name = "own";
    own.ctxt = this;
    own.io_type_supported = 7;
    own.blockcnt = 1;
    call_on_app_thread([&] { bdk_bdev_inherit(&disk.bdev, &own); });
    EXPECT_EQ(own.blockcnt, disk.bdev.blockcnt);
    EXPECT_EQ(own.blocklen, disk.bdev.blocklen);
    EXPECT_EQ(own.flags, disk.flags);
    EXPECT_EQ(own.max_rw_size, 64u);
    EXPECT_EQ(own.zone_size, 32u);
    EXPECT_STREQ(own.name, "own");
    EXPECT_EQ(own.ctxt, this);
    EXPECT_EQ(own.io_type_supported, 7u);
    EXPECT_EQ(own.module, nullptr);
    EXPECT_EQ(own.fn_table, nullptr);
    EXPECT_EQ(own.internal, nullptr);
}

TEST_F(Inherit, WritesNoFurtherThanAnOlderStruct) {
    add();
    bdk_bdev own{};
    own.size = offsetof(bdk_bdev, zone_size);
    call_on_app_thread([&] { bdk_bdev_inherit(&disk.bdev, &own); });
    EXPECT_EQ(own.max_rw_size, 64u);
    EXPECT_EQ(own.zone_size, 0u);
}

TEST_F(Inherit, TheLimitsOfAnyBdevAreTold) {
    add();
    bdk_bdev_limits limits{};
    limits.size = sizeof(limits);
    bdk_bdev_get_limits(&disk.bdev, &limits);
    EXPECT_EQ(limits.buffer_alignment, 512u);
    EXPECT_EQ(limits.write_unit_size, 1u);
    EXPECT_EQ(limits.max_rw_size, 64u);
    EXPECT_EQ(limits.max_open_zones, 3u);
    EXPECT_EQ(limits.zone_size, 32u);

    bdk_bdev_limits older{};
    older.size = offsetof(bdk_bdev_limits, max_rw_size);
    bdk_bdev_get_limits(&disk.bdev, &older);
    EXPECT_EQ(older.buffer_alignment, 512u);
    EXPECT_EQ(older.max_rw_size, 0u);

    EXPECT_EQ(bdk_bdev_get_numa_node(&disk.bdev), 1);
}

TEST_F(Inherit, TheBasesOfALayerAreTold) {
    disk.flags = 0;
    disk.bdev.zone_size = 0;
    add();
    const bdk_bdev* bases[] = {&disk.bdev, nullptr};
    layer.bdev.bases = bases;
    call_on_app_thread([&] {
        ASSERT_EQ(layer.add(), 0);
        EXPECT_EQ(bdk_bdev_get_base(&layer.bdev, 0), &disk.bdev);
        EXPECT_EQ(bdk_bdev_get_base(&layer.bdev, 1), nullptr);
        EXPECT_EQ(bdk_bdev_get_base(&disk.bdev, 0), nullptr);
    });
    EXPECT_EQ(bdk_bdev_get_numa_node(&layer.bdev), BDK_NUMA_ANY);
}

}  // namespace
}  // namespace bdk::test

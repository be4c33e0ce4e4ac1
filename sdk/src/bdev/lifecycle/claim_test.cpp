// SPDX-License-Identifier: BSD-3-Clause
// Which users of a bdev may write to it, and until when.
#include <bdevkit/claim.h>
#include <gtest/gtest.h>

#include "log/violation.hpp"
#include "support/client.hpp"
#include "support/raw_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

class Claims : public testing::Test {
protected:
    Claims() {
        host.add(&raw_disk_module);
        call_on_app_thread([&] { EXPECT_EQ(disk.add(), 0); });
    }

    RawDisk disk{"disk"};
    TestHost host;
};

TEST_F(Claims, WriterIsRefusedUnderAClaim) {
    call_on_app_thread(
        [&] { EXPECT_EQ(bdk_bdev_module_claim_bdev(&disk.bdev, nullptr, &raw_disk_module), 0); });
    EXPECT_EQ(Client::try_open("disk", Access::write), -EPERM);
    EXPECT_EQ(Client::try_open("disk", Access::read), 0);
    call_on_app_thread([&] {
        EXPECT_EQ(bdk_bdev_module_claim_bdev(&disk.bdev, nullptr, &raw_disk_module), -EPERM);
        bdk_bdev_module_release_bdev(&disk.bdev, &raw_disk_module);
    });
    EXPECT_EQ(Client::try_open("disk", Access::write), 0);
}

TEST_F(Claims, ADescOfAnotherBdevIsRefused) {
    RawDisk other("other");
    call_on_app_thread([&] { EXPECT_EQ(other.add(), 0); });
    {
        Client reader("other", Access::read);
        call_on_app_thread([&] {
            EXPECT_EQ(bdk_bdev_module_claim_bdev(&disk.bdev, reader.desc(), &raw_disk_module), -EINVAL);
        });
        EXPECT_EQ(reader.write(0, pattern(512)).rc, -EBADF) << "the claim must not let it write";
    }
    EXPECT_EQ(host.remove("other"), 0);
    EXPECT_EQ(Client::try_open("disk", Access::write), 0);
}

TEST_F(Claims, OnlyTheHolderReleasesAClaim) {
    const bdk_module other{.size = sizeof(bdk_module), .name = "other"};
    call_on_app_thread([&] {
        EXPECT_EQ(bdk_bdev_module_claim_bdev(&disk.bdev, nullptr, &raw_disk_module), 0);
        const uint64_t before = violation_count();
        EXPECT_EQ(bdk_bdev_module_release_bdev(&disk.bdev, &other), -EPERM);
        EXPECT_EQ(violation_count(), before + 1);
    });
    EXPECT_EQ(Client::try_open("disk", Access::write), -EPERM);
    call_on_app_thread([&] {
        EXPECT_EQ(bdk_bdev_module_release_bdev(&disk.bdev, &raw_disk_module), 0);
        EXPECT_EQ(bdk_bdev_module_release_bdev(&disk.bdev, &raw_disk_module), -EPERM) << "nobody holds it";
    });
    EXPECT_EQ(Client::try_open("disk", Access::write), 0);
}

TEST_F(Claims, ClaimPromotesTheDescUnlessSomebodyWrites) {
    Client reader("disk", Access::read);
    {
        Client writer("disk", Access::write);
        call_on_app_thread([&] {
            EXPECT_EQ(bdk_bdev_module_claim_bdev(&disk.bdev, reader.desc(), &raw_disk_module), -EPERM);
        });
    }
    settle(bdk_thread_get_app_thread());
    EXPECT_EQ(reader.write(0, pattern(512)).rc, -EBADF);
    call_on_app_thread(
        [&] { EXPECT_EQ(bdk_bdev_module_claim_bdev(&disk.bdev, reader.desc(), &raw_disk_module), 0); });
    EXPECT_TRUE(reader.write(0, pattern(512)).ok());
    call_on_app_thread([&] { bdk_bdev_module_release_bdev(&disk.bdev, &raw_disk_module); });
}

/// A layer that is removed and created again at once claims its base while the old close still goes from
/// thread to thread.
TEST_F(Claims, TheDescThatAModuleHasClosedIsNoWriter) {
    Client before("disk", Access::write);
    Client after("disk", Access::write);
    call_on_app_thread([&] {
        after.close_here();
        EXPECT_EQ(bdk_bdev_module_claim_bdev(&disk.bdev, before.desc(), &raw_disk_module), -EPERM)
            << "a client's I/O may still be in flight";
    });
    settle(bdk_thread_get_app_thread());
    Client next("disk", Access::read);
    call_on_app_thread([&] {
        ASSERT_EQ(bdk_bdev_module_claim_bdev(&disk.bdev, before.desc(), &raw_disk_module), 0);
        bdk_bdev_module_release_bdev(&disk.bdev, &raw_disk_module);
        before.close_here();
        EXPECT_EQ(bdk_bdev_module_claim_bdev(&disk.bdev, next.desc(), &raw_disk_module), 0);
        bdk_bdev_module_release_bdev(&disk.bdev, &raw_disk_module);
    });
}

TEST_F(Claims, AClaimOfADescEndsWithItsClose) {
    Client before("disk", Access::read);
    Client after("disk", Access::read);
    auto claim = [](Client& client) {
        return bdk_bdev_module_claim_bdev_desc(client.desc(), BDK_BDEV_CLAIM_READ_MANY_WRITE_ONE, nullptr,
                                               &raw_disk_module);
    };
    call_on_app_thread([&] {
        ASSERT_EQ(claim(before), 0);
        EXPECT_EQ(claim(after), -EPERM);
        before.close_here();
        EXPECT_EQ(claim(after), 0);
    });
}

TEST_F(Claims, DescClaimsAreSharedAsTheirTypeSays) {
    Client a("disk", Access::read);
    Client b("disk", Access::read);
    auto claim = [&](Client& client, uint32_t type, uint64_t key = 0) {
        bdk_bdev_claim_opts opts{};
        opts.size = sizeof(opts);
        opts.shared_claim_key = key;
        int rc = 0;
        call_on_app_thread(
            [&] { rc = bdk_bdev_module_claim_bdev_desc(client.desc(), type, &opts, &raw_disk_module); });
        return rc;
    };
    EXPECT_EQ(claim(a, BDK_BDEV_CLAIM_READ_MANY_WRITE_NONE), 0);
    EXPECT_EQ(claim(b, BDK_BDEV_CLAIM_READ_MANY_WRITE_NONE), 0);
    EXPECT_EQ(Client::try_open("disk", Access::write), -EPERM);
    a.close();
    b.close();
    settle(bdk_thread_get_app_thread());
    EXPECT_EQ(Client::try_open("disk", Access::write), 0) << "the claims went with their descs";

    Client c("disk", Access::read);
    Client d("disk", Access::read);
    EXPECT_EQ(claim(c, BDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED, 0), -EINVAL);
    EXPECT_EQ(claim(c, BDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED, 7), 0);
    EXPECT_EQ(claim(d, BDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED, 8), -EPERM);
    EXPECT_EQ(claim(d, BDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED, 7), 0);
    EXPECT_TRUE(d.write(0, pattern(512)).ok());
}

}  // namespace
}  // namespace bdk::test

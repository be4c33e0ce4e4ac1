// SPDX-License-Identifier: BSD-3-Clause
#include <bdevkit/notify.h>
#include <gtest/gtest.h>

#include "support/client.hpp"
#include "support/raw_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

using Names = std::vector<std::string>;

/// Records its notifications.
struct Watch {
    Names told;
    bdk_notify* watch = nullptr;
    bool once = false;

    void add() { ASSERT_EQ(bdk_notify_add(on_event, this, &watch), 0); }
    void remove() { bdk_notify_remove(std::exchange(watch, nullptr)); }

    static void on_event(uint32_t type, bdk_bdev* bdev, void* ctx) {
        auto* self = static_cast<Watch*>(ctx);
        bool comes = type == BDK_NOTIFY_BDEV_REGISTER;
        self->told.emplace_back(comes ? "+" : "-").append(bdk_bdev_get_name(bdev));
        EXPECT_EQ(bdk_bdev_get_by_name(bdk_bdev_get_name(bdev)), comes ? bdev : nullptr);
        if (self->once) self->remove();
    }
};

class Notify : public testing::Test {
protected:
    Notify() { host.add(&raw_disk_module); }

    TestHost host;
};

TEST_F(Notify, WatchHearsOfBdevsThatComeAndGo) {
    RawDisk first("first"), second("second");
    RawLayer layer("layer", "second");
    Watch watch;
    call_on_app_thread([&] {
        ASSERT_EQ(first.add(), 0);
        watch.add();
        ASSERT_EQ(second.add(), 0);
        ASSERT_EQ(layer.add(), 0);
        RawDisk twin("second");
        ASSERT_EQ(twin.add(), -EEXIST);
    });
    EXPECT_EQ(host.remove("second"), 0);
    EXPECT_EQ(host.remove("first"), 0);
    call_on_app_thread([&] { watch.remove(); });
    EXPECT_EQ(watch.told, (Names{"+second", "+layer", "-layer", "-second", "-first"}));
}

TEST_F(Notify, WatchMayEndItselfAndOthers) {
    RawDisk disk("disk");
    Watch shy, steady;
    shy.once = true;
    call_on_app_thread([&] {
        shy.add();
        steady.add();
        ASSERT_EQ(disk.add(), 0);
    });
    EXPECT_EQ(host.remove("disk"), 0);
    EXPECT_EQ(shy.told, Names{"+disk"});
    EXPECT_EQ(steady.told, (Names{"+disk", "-disk"}));
    call_on_app_thread([&] { steady.remove(); });
}

TEST_F(Notify, WatchMayOpenTheNewBdev) {
    RawDisk disk("disk");
    struct Opener {
        bdk_bdev_desc* desc = nullptr;
    } opener;
    bdk_notify* watch = nullptr;
    auto open = [](uint32_t type, bdk_bdev* bdev, void* ctx) {
        auto ignore = [](uint32_t, bdk_bdev*, void*) {};
        auto* self = static_cast<Opener*>(ctx);
        if (type != BDK_NOTIFY_BDEV_REGISTER) return;
        EXPECT_EQ(bdk_bdev_open(bdk_bdev_get_name(bdev), BDK_BDEV_OPEN_WRITE, ignore, nullptr, &self->desc),
                  0);
    };
    call_on_app_thread([&] {
        EXPECT_EQ(bdk_notify_add(nullptr, nullptr, &watch), -EINVAL);
        ASSERT_EQ(bdk_notify_add(open, &opener, &watch), 0);
        ASSERT_EQ(disk.add(), 0);
        ASSERT_NE(opener.desc, nullptr);
        bdk_bdev_close(opener.desc);
        bdk_notify_remove(watch);
    });
    EXPECT_EQ(host.remove("disk"), 0);
}

}  // namespace
}  // namespace bdk::test

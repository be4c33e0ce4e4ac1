// SPDX-License-Identifier: BSD-3-Clause
#include "module/module_registry.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <stdexcept>

#include "diag/violation.hpp"
#include "support/client.hpp"
#include "support/raw_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

/// What the module under test does, turned by the tests.
struct Behaviour {
    std::function<int()> init, fini;
    std::function<int(bdk_create*)> create;
} behaviour;

int module_init() {
    return behaviour.init ? behaviour.init() : 0;
}
int module_fini() {
    return behaviour.fini ? behaviour.fini() : 0;
}
int module_create(bdk_create* create, const char*, const void*) {
    return behaviour.create ? behaviour.create(create) : 0;
}

const bdk_module moody_module = {
    .abi_major = BDK_ABI_MAJOR,
    .abi_minor = BDK_ABI_MINOR,
    .size = sizeof(bdk_module),
    .name = "moody",
    .init = module_init,
    .fini = module_fini,
    .create = module_create,
};

class ModuleRegistry : public testing::Test {
protected:
    ModuleRegistry() { behaviour = {}; }

    int add() {
        return await_on_app_thread([](Done done) { module_add(&moody_module, std::move(done)); });
    }
    int remove() {
        return await_on_app_thread([](Done done) { module_remove(&moody_module, std::move(done)); });
    }
    int create() {
        return await_on_app_thread(
            [](Done done) { module_create_bdev(&moody_module, "bdev", nullptr, std::move(done)); });
    }
    const bdk_module* find() {
        const bdk_module* found = nullptr;
        call_on_app_thread([&] { found = module_find("moody"); });
        return found;
    }

    TestHost host;
};

TEST_F(ModuleRegistry, NameIsTakenOnce) {
    EXPECT_EQ(add(), 0);
    EXPECT_EQ(find(), &moody_module);
    bdk_module twin = moody_module;
    EXPECT_EQ(await_on_app_thread([&](Done done) { module_add(&twin, std::move(done)); }), -EEXIST);
    EXPECT_EQ(remove(), 0);
    EXPECT_EQ(find(), nullptr);
}

TEST_F(ModuleRegistry, InitThatFailsOrThrowsLeavesNothing) {
    behaviour.init = [] { return -ENODEV; };
    EXPECT_EQ(add(), -ENODEV);
    behaviour.init = []() -> int { throw std::runtime_error("no luck"); };
    EXPECT_EQ(add(), -EIO);
    EXPECT_EQ(find(), nullptr);
    EXPECT_EQ(remove(), -ENOENT);
}

TEST_F(ModuleRegistry, InitAndFiniMayEndLater) {
    bdk_thread* app = bdk_thread_get_app_thread();
    behaviour.init = [&] {
        post(app, [] { bdk_module_init_done(&moody_module, 0); });
        return BDK_PENDING;
    };
    behaviour.fini = [&] {
        post(app, [] { bdk_module_fini_done(&moody_module); });
        return BDK_PENDING;
    };
    EXPECT_EQ(add(), 0);
    EXPECT_EQ(remove(), 0);
}

TEST_F(ModuleRegistry, CreateMayEndLaterAndOnce) {
    ASSERT_EQ(add(), 0);
    bdk_create* pending = nullptr;
    behaviour.create = [&](bdk_create* create) {
        pending = create;
        post(bdk_thread_get_app_thread(), [create] { bdk_module_create_done(create, -ENOSPC); });
        return BDK_PENDING;
    };
    EXPECT_EQ(create(), -ENOSPC);
    uint64_t before = violation_count();
    call_on_app_thread([&] { bdk_module_create_done(pending, 0); });
    EXPECT_EQ(violation_count(), before + 1);
    EXPECT_EQ(remove(), 0);
}

TEST_F(ModuleRegistry, ModuleWithBdevsStays) {
    RawDisk disk("disk");
    ASSERT_EQ(host.add(&raw_disk_module), 0);
    call_on_app_thread([&] { ASSERT_EQ(disk.add(), 0); });
    EXPECT_EQ(await_on_app_thread([](Done done) { module_remove(&raw_disk_module, std::move(done)); }),
              -EBUSY);
    EXPECT_EQ(host.remove("disk"), 0);
    EXPECT_EQ(host.remove("disk"), -ENODEV);
}

TEST_F(ModuleRegistry, TableOfAnOlderPluginEndsEarly) {
    // What stands behind the plugin's size is not ours to read.
    bdk_module old = moody_module;
    old.size = offsetof(bdk_module, init);
    behaviour.init = [] { return -EIO; };
    EXPECT_EQ(await_on_app_thread([&](Done done) { module_add(&old, std::move(done)); }), 0);
    EXPECT_EQ(await_on_app_thread([&](Done done) { module_remove(&old, std::move(done)); }), 0);
}

}  // namespace
}  // namespace bdk::test

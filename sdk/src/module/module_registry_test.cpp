// SPDX-License-Identifier: BSD-3-Clause
#include "module/module_registry.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <stdexcept>

#include "log/violation.hpp"
#include "support/client.hpp"
#include "support/log_capture.hpp"
#include "support/raw_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

/// The behaviour of the module under test, set by the tests.
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
    explicit ModuleRegistry(const RuntimeOptions& options = test_runtime_options()) : host(options) {
        behaviour = {};
    }

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

TEST_F(ModuleRegistry, OptionsAreFixedWhereTheModuleDoesNotSay) {
    ASSERT_EQ(host.add(&raw_disk_module), 0);
    RawDisk disk("disk");
    call_on_app_thread([&] { ASSERT_EQ(disk.add(), 0); });
    EXPECT_EQ(host.reconfigure("disk", {}), -ENOTSUP);
    EXPECT_EQ(host.reconfigure("nowhere", {}), -ENODEV);
    EXPECT_EQ(host.remove("disk"), 0);
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

class LateModule : public ModuleRegistry {
protected:
    LateModule() : ModuleRegistry(impatient()) {}

    static RuntimeOptions impatient() {
        RuntimeOptions options = test_runtime_options();
        options.bdev.late_call_ms = 1;
        return options;
    }

    void wait_until_logged(std::initializer_list<std::string_view> words) {
        while (!log.has(words))
            settle(bdk_thread_get_app_thread());
    }

    LogCapture log;
};

TEST_F(LateModule, IsNamedWithTheCallThatDoesNotEnd) {
    Awaited<int> added, created, removed;
    behaviour.init = [] { return BDK_PENDING; };
    call_on_app_thread([&] { module_add(&moody_module, added.setter()); });
    wait_until_logged({"module 'moody': init", "bdk_module_init_done() is due"});
    call_on_app_thread([] { bdk_module_init_done(&moody_module, 0); });
    EXPECT_EQ(added.get(), 0);

    bdk_create* pending = nullptr;
    behaviour.create = [&](bdk_create* create) {
        pending = create;
        return BDK_PENDING;
    };
    call_on_app_thread([&] { module_create_bdev(&moody_module, "slow", nullptr, created.setter()); });
    wait_until_logged({"module 'moody': create of bdev 'slow'", "bdk_module_create_done() is due"});
    call_on_app_thread([&] { bdk_module_create_done(pending, -EIO); });
    EXPECT_EQ(created.get(), -EIO);

    behaviour.fini = [] { return BDK_PENDING; };
    call_on_app_thread([&] { module_remove(&moody_module, removed.setter()); });
    wait_until_logged({"module 'moody': fini", "bdk_module_fini_done() is due"});
    call_on_app_thread([] { bdk_module_fini_done(&moody_module); });
    EXPECT_EQ(removed.get(), 0);
}

TEST_F(LateModule, IsNamedWithTheBdevThatItDoesNotDestruct) {
    RawDisk disk("disk");
    disk.never_destructed = true;
    ASSERT_EQ(host.add(&raw_disk_module), 0);
    call_on_app_thread([&] { ASSERT_EQ(disk.add(), 0); });
    Awaited<int> removed;
    host.start_remove("disk", removed.setter());
    wait_until_logged({"module 'raw_disk': destruct of bdev 'disk'", "bdk_bdev_destruct_done() is due"});
    call_on_app_thread([&] { disk.end_destruct(); });
    EXPECT_EQ(removed.get(), 0);
}

TEST_F(ModuleRegistry, TableOfAnOlderPluginEndsEarly) {
    // The memory behind the plugin's size must not be read.
    bdk_module old = moody_module;
    old.size = offsetof(bdk_module, init);
    behaviour.init = [] { return -EIO; };
    EXPECT_EQ(await_on_app_thread([&](Done done) { module_add(&old, std::move(done)); }), 0);
    EXPECT_EQ(await_on_app_thread([&](Done done) { module_remove(&old, std::move(done)); }), 0);
}

}  // namespace
}  // namespace bdk::test

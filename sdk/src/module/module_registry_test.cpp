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
    std::vector<uint32_t> reasons;  ///< of removals
    int bdevs_at_fini_start = -1;   ///< -1: it was not called
} behaviour;

int module_init(const bdk_module*) {
    return behaviour.init ? behaviour.init() : 0;
}
int module_fini(const bdk_module*) {
    return behaviour.fini ? behaviour.fini() : 0;
}
int module_create(const bdk_module*, bdk_create* create, const char*, const void*) {
    return behaviour.create ? behaviour.create(create) : 0;
}
int remove_bdev(const bdk_module*, bdk_remove* remove, bdk_bdev* bdev) {
    behaviour.reasons.push_back(bdk_remove_get_reason(remove));
    const auto removed = [](int rc, void* ctx) { bdk_module_remove_done(static_cast<bdk_remove*>(ctx), rc); };
    bdk_bdev_unregister(bdev, removed, remove);
    return BDK_PENDING;
}
void module_fini_start(const bdk_module*) {
    behaviour.bdevs_at_fini_start = bdk_bdev_get_by_name("last") != nullptr ? 1 : 0;
}
const void* module_get_extension(const bdk_module* self, const char* name) {
    return std::string_view(name) == "moody.name" ? self->name : nullptr;
}

const bdk_module moody_module = {
    .size = sizeof(bdk_module),
    .name = "moody",
    .init = module_init,
    .fini = module_fini,
    .create = module_create,
    .remove = remove_bdev,
    .fini_start = module_fini_start,
    .get_extension = module_get_extension,
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

TEST_F(ModuleRegistry, ModulesLearnThatTheHostStopsBeforeTheirBdevsGo) {
    EXPECT_EQ(add(), 0);
    RawDisk first("first"), last("last");
    first.bdev.module = last.bdev.module = &moody_module;
    call_on_app_thread([&] {
        EXPECT_EQ(first.add(), 0);
        EXPECT_EQ(last.add(), 0);
    });
    EXPECT_EQ(await_on_app_thread([](Done done) { module_remove_bdev("first", std::move(done)); }), 0);
    EXPECT_EQ(behaviour.bdevs_at_fini_start, -1);
    EXPECT_EQ(await_on_app_thread([](Done done) { module_remove_all_bdevs(std::move(done)); }), 0);
    EXPECT_EQ(behaviour.bdevs_at_fini_start, 1) << "called, and the bdev was still there";
    EXPECT_EQ(behaviour.reasons, (std::vector<uint32_t>{BDK_REMOVE_BY_USER, BDK_REMOVE_AT_STOP}));
    EXPECT_EQ(remove(), 0);
}

/// A disk whose resize ends when the test says.
bdk_bdev* g_resizing = nullptr;

TEST_F(ModuleRegistry, AResizeMayEndLaterAndOnce) {
    RawDisk disk("disk");
    host.add(&raw_disk_module);
    disk.resize = [](void* ctxt, uint64_t num_blocks) {
        g_resizing = &static_cast<RawDisk*>(ctxt)->bdev;
        return num_blocks == 1 ? -ENOSPC : BDK_PENDING;
    };
    call_on_app_thread([&] { EXPECT_EQ(disk.add(), 0); });
    const auto resize = [](uint64_t bytes) {
        Awaited<int> end;
        call_on_app_thread([&] { module_resize_bdev("disk", bytes, end.setter()); });
        return end;
    };
    EXPECT_EQ(resize(512).get(), -ENOSPC);
    EXPECT_EQ(resize(1000).get(), -EINVAL) << "no multiple of a block";
    auto pending = resize(1 << 20);
    EXPECT_FALSE(pending.is_ready());
    EXPECT_EQ(resize(1 << 20).get(), -EBUSY);
    const uint64_t before = violation_count();
    call_on_app_thread([] {
        bdk_bdev_resize_done(g_resizing, 0);
        bdk_bdev_resize_done(g_resizing, 0);
    });
    EXPECT_EQ(pending.get(), 0);
    EXPECT_EQ(violation_count(), before + 1) << "one done call too many";
    EXPECT_EQ(host.remove("disk"), 0);
}

TEST_F(ModuleRegistry, AModuleHasExtensions) {
    EXPECT_EQ(add(), 0);
    call_on_app_thread([] {
        EXPECT_STREQ(static_cast<const char*>(module_extension(&moody_module, "moody.name")), "moody");
        EXPECT_EQ(module_extension(&moody_module, "other"), nullptr);
    });
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

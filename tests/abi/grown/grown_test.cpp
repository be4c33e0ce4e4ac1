// SPDX-License-Identifier: BSD-3-Clause
// A host of a later minor, made by grow.py, and modules of ABI 1.0: they get nothing that they do not know.
// .ci/grown compiles this file in the grown copy alone.
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "bdev/model/bdev.hpp"
#include "module/module_registry.hpp"
#include "runtime/runtime.hpp"
#include "support/client.hpp"
#include "support/raw_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

bool takes(const std::string& bdev, uint32_t type) {
    bool supported = false;
    call_on_app_thread([&] {
        const bdk_bdev* found = bdk_bdev_get_by_name(bdev.c_str());
        ASSERT_NE(found, nullptr);
        supported = bdk_bdev_io_type_supported(found, type);
    });
    return supported;
}

int write_with(Client& client, uint32_t flags) {
    alignas(4096) static char block[4096];
    bdk_bdev_io_opts opts{};
    opts.size = sizeof(opts);
    opts.flags = flags;
    return client
        .run([&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_write_blocks(desc, ch, block, 0, 1, &opts, cb, arg);
        })
        .rc;
}

class Grown : public testing::TestWithParam<const char*> {
protected:
    TestHost host;
};

TEST_P(Grown, a_plugin_of_an_older_minor_gets_no_type_and_no_flag_that_it_does_not_know) {
    host.load("malloc");
    host.load(std::string(BDEVKIT_OLD_PLUGINS) + "/" + GetParam() + ".so");
    ASSERT_EQ(host.create("malloc", "disk", {{"size", 1 << 20}}), 0);
    const bool is_layer = std::string(GetParam()) == "old-c";
    ASSERT_EQ(is_layer ? host.create("old-c", "old", {{"base", "disk"}})
                       : host.create("old-cpp", "old", {{"size", 1 << 20}}),
              0);
    EXPECT_FALSE(takes("old", BDK_BDEV_IO_TYPE_GROWN));
    EXPECT_TRUE(takes("old", BDK_BDEV_IO_TYPE_WRITE));
    Client client("old", Access::write);
    EXPECT_EQ(write_with(client, BDK_BDEV_IO_GROWN), -ENOTSUP);
    EXPECT_EQ(write_with(client, 0), 0);
}
INSTANTIATE_TEST_SUITE_P(Plugins, Grown, testing::Values("old-c", "old-cpp"));

TEST(GrownModule, a_module_that_answers_true_for_every_type_gets_those_of_its_minor) {
    TestHost host;
    const auto add = [](uint32_t abi_minor) {
        return await_on_app_thread(
            [=](Done done) { module_add(&raw_disk_module, std::move(done), abi_minor); });
    };
    for (const uint32_t abi_minor : {0u, 1u}) {
        ASSERT_EQ(add(abi_minor), 0);
        RawDisk disk("disk");
        call_on_app_thread([&] { EXPECT_EQ(disk.add(), 0); });
        EXPECT_EQ(takes("disk", BDK_BDEV_IO_TYPE_GROWN), abi_minor == 1);
        {
            Client client("disk", Access::write);
            EXPECT_EQ(write_with(client, BDK_BDEV_IO_GROWN), abi_minor == 1 ? 0 : -ENOTSUP);
        }
        EXPECT_EQ(host.remove("disk"), 0);
        EXPECT_EQ(host.unload("raw_disk"), 0);
    }
}

}  // namespace
}  // namespace bdk::test

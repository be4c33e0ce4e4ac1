// SPDX-License-Identifier: BSD-3-Clause
#include "host.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "cli/stack_loading.hpp"
#include "loader/plugin_modules.hpp"
#include "stack/stack_file.hpp"

namespace bdevkit::host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// A stack with the plugins of the build tree.
struct Fixture {
    explicit Fixture(const std::string& text) : loader(plugin_search_path({}, {})) {
        loader.discover();
        Problems problems;
        const StackFile file = parse_stack_file(text, "s.yaml", "/", problems);
        stack = resolve_stack(file, PluginModules(loader), problems);
        EXPECT_EQ(problems.format("s.yaml"), "");
    }

    PluginLoader loader;
    Stack stack;
};

std::vector<std::string> names(const std::vector<BdevCounters>& counters) {
    std::vector<std::string> result;
    for (const BdevCounters& bdev : counters)
        result.push_back(bdev.name);
    return result;
}

std::string temporary_socket() {
    return (std::filesystem::path(::testing::TempDir()) /
            ("bdevkit-host-" + std::to_string(getpid()) + ".sock"))
        .string();
}

std::string served_stack() {
    return R"(
version: 1
bdevs:
  - { name: top, module: readonly, base: { name: mid, module: passthru, base: disk } }
  - { name: disk, module: malloc, size: 1MiB }
frontends:
  - nbd: { listen: "unix:)" +
           temporary_socket() + R"(", exports: [ { bdev: top } ] }
)";
}

TEST(HostTest, gives_bdevs_their_rate_limits) {
    Fixture fixture(R"(
version: 1
bdevs:
  - { name: top, module: passthru, base: disk, qos: { rw_iops: 500 } }
  - { name: disk, module: malloc, size: 1MiB, qos: { write_bytes_per_second: 2MiB } }
)");
    auto host = Host::start(fixture.stack, fixture.loader);
    ASSERT_TRUE(host.has_value()) << host.error();
    bdk::call_on_app_thread([] {
        bdk_bdev_qos_limits limits{};
        limits.size = sizeof limits;
        ASSERT_EQ(bdk_bdev_get_qos_rate_limits(bdk_bdev_get_by_name("top"), &limits), 0);
        EXPECT_EQ(limits.rw_iops, 500u);
        ASSERT_EQ(bdk_bdev_get_qos_rate_limits(bdk_bdev_get_by_name("disk"), &limits), 0);
        EXPECT_EQ(limits.rw_iops, 0u);
        EXPECT_EQ(limits.write_bytes_per_second, 2u << 20);
    });
    EXPECT_TRUE((*host)->stop());
}

TEST(HostTest, starts_and_stops_again_and_again_in_one_process) {
    for (int i = 0; i < 3; ++i) {
        Fixture fixture(served_stack());
        auto host = Host::start(fixture.stack, fixture.loader);
        ASSERT_TRUE(host) << host.error();
        EXPECT_THAT((*host)->where(), ElementsAre(StartsWith("nbd+unix:///top?socket=")));
        EXPECT_THAT(names((*host)->counters()), ElementsAre("disk", "mid", "top"));
        (*host)->stop_frontends();
        EXPECT_EQ((*host)->counters()[2].module, "readonly");
        EXPECT_TRUE((*host)->stop());
        EXPECT_TRUE((*host)->stop()) << "a second stop does nothing";
        EXPECT_FALSE(std::filesystem::exists(temporary_socket()));
    }
}

TEST(HostTest, a_bdev_that_cannot_be_created_undoes_the_start) {
    // 1000 is not a multiple of the block size, which only the module knows.
    Fixture fixture(
        "version: 1\nbdevs:\n  - { name: good, module: malloc, size: 1MiB }\n"
        "  - { name: bad, module: malloc, size: 1000 }\n");
    const auto host = Host::start(fixture.stack, fixture.loader);
    ASSERT_FALSE(host);
    EXPECT_THAT(host.error(), HasSubstr("s.yaml:4:5: bdev 'bad' of module 'malloc' could not be created"));

    Fixture next(served_stack());
    EXPECT_TRUE(Host::start(next.stack, next.loader)) << "nothing of the first start is left";
}

TEST(HostTest, a_frontend_that_cannot_start_undoes_the_start) {
    Fixture fixture(
        "version: 1\nbdevs: [ { name: disk, module: malloc, size: 1MiB } ]\n"
        "frontends: [ nbd: { listen: 'unix:/nowhere/x.sock', exports: [ { bdev: disk } ] } ]\n");
    const auto host = Host::start(fixture.stack, fixture.loader);
    ASSERT_FALSE(host);
    EXPECT_THAT(host.error(), HasSubstr("/nowhere/x.sock"));
}

}  // namespace
}  // namespace bdevkit::host

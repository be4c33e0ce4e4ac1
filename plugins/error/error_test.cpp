// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "support/client.hpp"
#include "support/kept_writes.hpp"
#include "support/load.hpp"
#include "support/test_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

using bdevkit::Io;
using bdevkit::IoType;

enum Action { pass, fail, corrupt, hold };
enum Outcome { failed, nvme, aio, miscompare, first_fused_failed, aborted, nomem };
constexpr size_t block = 512;

std::vector<uint64_t> types(std::initializer_list<IoType> list) {
    std::vector<uint64_t> result;
    for (IoType type : list)
        result.push_back(uint64_t(type));
    return result;
}

class ErrorModule : public testing::Test {
protected:
    ErrorModule() {
        TestDisk::configure() = nullptr;
        host.load("error");
        EXPECT_EQ(host.add(&test_disk_module), 0);
        EXPECT_EQ(host.create("test_disk", "base", {}), 0);
    }

    void make(GivenOptions options) {
        options.emplace_back("base", "base");
        ASSERT_EQ(host.create("error", "err", options), 0);
    }
    void change(GivenOptions options) {
        options.emplace_back("base", "base");
        ASSERT_EQ(host.reconfigure("err", options), 0);
    }
    static auto write_of(std::vector<std::byte>& data, uint64_t at = 0) {
        return [&data, at](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_write_blocks(desc, ch, data.data(), at, data.size() / block, nullptr, cb, arg);
        };
    }
    std::string info() { return host.info("err").dump(); }

    TestHost host;
};

TEST_F(ErrorModule, PassesEverythingWhenNothingIsAskedFor) {
    make({});
    Client client("err", Access::write);
    ASSERT_TRUE(client.write(3, pattern(1024)).ok());
    EXPECT_EQ(client.read(3, 2), pattern(1024));
    EXPECT_TRUE(client.flush(0, 8).ok());
    EXPECT_TRUE(client.reset().ok());
    EXPECT_FALSE(client.supports(BDK_BDEV_IO_TYPE_ZCOPY)) << "it would go past the rules";
}

TEST_F(ErrorModule, FailsTheTypesThatItIsAskedToFail) {
    make({{"action", fail}, {"io_types", types({IoType::write, IoType::flush})}});
    Client client("err", Access::write);
    EXPECT_EQ(client.write(0, pattern(512)).status, BDK_BDEV_IO_STATUS_FAILED);
    EXPECT_EQ(client.flush(0, 1).status, BDK_BDEV_IO_STATUS_FAILED);
    EXPECT_TRUE(client.try_read(0, 1).ok());
    EXPECT_EQ(TestDisk::named("base").seen().size(), 1u) << "what fails does not reach the base";
}

TEST_F(ErrorModule, FailsAResetOnlyWhenNamed) {
    make({{"action", fail}});
    Client client("err", Access::write);
    EXPECT_TRUE(client.reset().ok());
    change({{"action", fail}, {"io_types", types({IoType::reset})}});
    EXPECT_EQ(client.reset().status, BDK_BDEV_IO_STATUS_FAILED);
    EXPECT_TRUE(client.try_read(0, 1).ok());
}

TEST_F(ErrorModule, FailsWhatTouchesTheRange) {
    make({{"action", fail}, {"offset", 5 * 512 + 100}, {"length", 512}});
    Client client("err", Access::write);
    EXPECT_TRUE(client.try_read(0, 5).ok());
    EXPECT_FALSE(client.try_read(4, 2).ok());
    EXPECT_FALSE(client.try_read(6, 1).ok());
    EXPECT_TRUE(client.try_read(7, 9).ok());
    EXPECT_TRUE(client.write(7, pattern(512)).ok());
    EXPECT_FALSE(client.write(0, pattern(10 * 512)).ok());
    EXPECT_FALSE(client.unmap(6, 1).ok());
}

TEST_F(ErrorModule, FailsEachNthAndNoMoreThanCount) {
    make({{"action", fail}, {"every", 3}, {"count", 2}});
    Client client("err", Access::read);
    std::string outcomes;
    for (int i = 0; i < 12; i++)
        outcomes += client.try_read(0, 1).ok() ? '.' : 'x';
    EXPECT_EQ(outcomes, "..x..x......");
    EXPECT_NE(info().find("\"struck\":2"), std::string::npos) << info();
    EXPECT_NE(info().find("\"matched\":12"), std::string::npos) << info();
}

TEST_F(ErrorModule, EndsIoWithTheStatusThatWasAskedFor) {
    make({});
    Client client("err", Access::write);
    change({{"action", fail}, {"status", nvme}, {"nvme_sct", 2}, {"nvme_sc", 0x86}});
    const IoResult denied = client.try_read(0, 1);
    EXPECT_EQ(denied.status, BDK_BDEV_IO_STATUS_NVME_ERROR);
    EXPECT_EQ(denied.nvme_sct, 2u);
    EXPECT_EQ(denied.nvme_sc, 0x86u);
    change({{"action", fail}, {"status", nvme}});
    EXPECT_EQ(client.try_read(0, 1).nvme_sc, 0x81u) << "unrecovered read error, unless said";
    change({{"action", fail}, {"status", aio}, {"aio_errno", ENOSPC}});
    EXPECT_EQ(client.write(0, pattern(512)).aio_errno, -ENOSPC);
    change({{"action", fail}, {"status", miscompare}});
    EXPECT_EQ(client.compare(0, pattern(512)).status, BDK_BDEV_IO_STATUS_MISCOMPARE);
    change({{"action", fail}, {"status", first_fused_failed}});
    EXPECT_EQ(client.try_read(0, 1).status, BDK_BDEV_IO_STATUS_FIRST_FUSED_FAILED);
    change({{"action", fail}, {"status", aborted}});
    EXPECT_EQ(client.try_read(0, 1).status, BDK_BDEV_IO_STATUS_ABORTED);
}

TEST_F(ErrorModule, NomemIsRetriedByTheCore) {
    make({{"action", fail}, {"status", nomem}, {"count", 3}});
    Client client("err", Access::write);
    EXPECT_TRUE(client.write(0, pattern(512)).ok());
    EXPECT_NE(info().find("\"matched\":4"), std::string::npos) << info();
}

TEST_F(ErrorModule, CorruptsChosenBytesOfReads) {
    make({});
    Client client("err", Access::write);
    ASSERT_TRUE(client.write(0, pattern(4 * 512)).ok());
    change({{"action", corrupt}, {"io_types", types({IoType::read})}, {"offset", 700}, {"length", 3}});
    std::vector<std::byte> expected = pattern(4 * 512);
    for (size_t i = 700; i < 703; i++)
        expected[i] ^= std::byte{0xff};
    EXPECT_EQ(client.read(0, 4), expected);
    EXPECT_EQ(client.read_without_buffer(0, 4).data, expected);
    EXPECT_EQ(client.read(2, 2), std::vector<std::byte>(expected.begin() + 1024, expected.end()));
    change({});
    EXPECT_EQ(client.read(0, 4), pattern(4 * 512)) << "the base is as it was";
}

TEST_F(ErrorModule, CorruptsWhatIsWrittenAndNotTheClientsBuffer) {
    make({{"action", corrupt},
          {"io_types", types({IoType::write})},
          {"offset", 512},
          {"length", 1},
          {"corrupt_xor", 1},
          {"count", 1}});
    Client client("err", Access::write);
    std::vector<std::byte> data = pattern(1024);
    ASSERT_TRUE(client.run(write_of(data)).ok());
    EXPECT_EQ(data, pattern(1024));
    std::vector<std::byte> expected = pattern(1024);
    expected[512] ^= std::byte{1};
    EXPECT_EQ(client.read(0, 2), expected);
    ASSERT_TRUE(client.run(write_of(data)).ok());
    EXPECT_EQ(client.read(0, 2), data) << "once was enough";
}

TEST_F(ErrorModule, RefusesRulesThatMakeNoSense) {
    const GivenOptions base = {{"base", "base"}};
    const auto refused = [&](GivenOptions options) {
        options.emplace_back("base", "base");
        return host.create("error", "err", options) == -EINVAL && !host.exists("err");
    };
    EXPECT_TRUE(refused({{"action", corrupt}, {"io_types", types({IoType::unmap})}}));
    EXPECT_TRUE(refused({{"action", hold}, {"io_types", types({IoType::reset})}}));
    EXPECT_TRUE(refused({{"action", fail}, {"offset", UINT64_MAX}, {"length", 2}}));
    make({});
    EXPECT_EQ(host.reconfigure("err", {{"action", hold}, {"io_types", types({IoType::abort})}}), -EINVAL);
    Client client("err", Access::read);
    EXPECT_TRUE(client.try_read(0, 1).ok()) << "and is as it was";
}

class HeldIo : public ErrorModule {
protected:
    HeldIo() {
        make({{"action", hold}});
        writes.emplace("err");
    }

    std::optional<KeptWrites> writes;
};

TEST_F(HeldIo, WaitsUntilReleasedAndThenReachesTheBase) {
    for (auto& write : writes->writes)
        EXPECT_FALSE(write.is_ready());
    EXPECT_NE(info().find("\"held\":8"), std::string::npos) << info();
    EXPECT_TRUE(TestDisk::named("base").seen().empty());
    change({{"action", pass}});
    writes->expect_all(BDK_BDEV_IO_STATUS_SUCCESS);
    EXPECT_EQ(TestDisk::named("base").seen().size(), 8u);
    EXPECT_NE(info().find("\"held\":0"), std::string::npos) << info();
}

TEST_F(HeldIo, EndsByAbort) {
    writes->expect_end_by_abort();
}

TEST_F(HeldIo, EndsByResetOnEveryThread) {
    std::vector<std::byte> data = pattern(512);
    Client other("err", Access::write, host.new_thread("other"));
    Awaited<IoResult> write = other.start(write_of(data));
    settle(other.thread());
    EXPECT_TRUE(writes->client.reset().ok());
    writes->expect_all(BDK_BDEV_IO_STATUS_ABORTED);
    EXPECT_EQ(write.get().status, BDK_BDEV_IO_STATUS_ABORTED);
}

TEST_F(HeldIo, DoesNotBlockRemoval) {
    EXPECT_EQ(host.remove("err"), 0);
    writes->expect_all(BDK_BDEV_IO_STATUS_ABORTED);
}

TEST_F(HeldIo, DoesNotBlockRemovalOfTheBase) {
    EXPECT_EQ(host.remove("base"), 0);
    writes->expect_all(BDK_BDEV_IO_STATUS_ABORTED);
    EXPECT_FALSE(host.exists("err"));
}

TEST(ErrorModuleUnderLoad, ChangesAndGoesWhileThreadsDoIo) {
    TestHost host(test_runtime_options_with_reactors(2));
    for (const char* module : {"malloc", "error"})
        host.load(module);
    bdk_thread* threads[] = {host.new_thread("first", 0), host.new_thread("second", 1)};
    const GivenOptions rules[] = {{{"base", "disk"}, {"action", hold}, {"every", 7}},
                                  {{"base", "disk"}, {"action", corrupt}, {"every", 3}},
                                  {{"base", "disk"}, {"action", pass}}};
    for (int round = 0; round < 10; round++) {
        ASSERT_EQ(host.create("malloc", "disk", {{"size", 1 << 20}}), 0);
        ASSERT_EQ(host.create("error", "err", rules[2]), 0);
        Client first("err", Access::write, threads[0]), second("err", Access::write, threads[1]);
        Load one(first, 16, UINT64_MAX), two(second, 16, UINT64_MAX);
        for (int change = 0; change < 10; change++)
            ASSERT_EQ(host.reconfigure("err", rules[change % 3]), 0);
        ASSERT_EQ(host.remove("disk"), 0);
        one.wait();
        two.wait();
        EXPECT_FALSE(host.exists("err"));
    }
}

}  // namespace
}  // namespace bdk::test

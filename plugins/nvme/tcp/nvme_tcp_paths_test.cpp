// SPDX-License-Identifier: BSD-3-Clause
// Several paths to one NVMe/TCP subsystem: which of them I/O takes, and what happens to I/O when one breaks.
#include <nvme/types.h>

#include "test_fixture.hpp"

namespace bdk::test {
namespace {

/// Values of the option `multipath`.
constexpr int active_passive = 0, active_active = 1;

/// Two portals of one subsystem.
class NvmeTcpPaths : public NvmeTcp {
protected:
    int create_both(GivenOptions more = {}) {
        more.emplace_back("paths", std::vector<std::string>{"127.0.0.1:" + std::to_string(right.port())});
        return create(left, more);
    }

    /// Waits until both are connected.
    void wait_until_connected() {
        left.wait_for_io_queues(1);
        right.wait_for_io_queues(1);
    }

    /// Writes until an I/O has taken that path.
    void write_until(Client& client, TestTarget& by) {
        for (const unsigned before = by.writes(); by.writes() == before;)
            ASSERT_TRUE(client.write(0, pattern(512)).ok());
    }

    static Manners with_ana() { return {.reports_access = true}; }

    TestTarget left{with_ana()};
    TestTarget right{left};
};

TEST_F(NvmeTcpPaths, IoTakesTheBestPathAlone) {
    left.set_access(NVME_ANA_STATE_NONOPTIMIZED);
    ASSERT_EQ(create_both(), 0);
    Client client("Nvme0n1", Access::write);
    write_until(client, right);
    const unsigned before = left.writes();
    for (int i = 0; i < 20; i++)
        ASSERT_TRUE(client.write(0, pattern(512)).ok());
    EXPECT_EQ(left.writes(), before);
    EXPECT_EQ(path(0).at("access"), "non-optimized");
    EXPECT_EQ(path(1).at("access"), "optimized");
    // It takes the first of two equal paths.
    left.set_access(NVME_ANA_STATE_OPTIMIZED);
    wait_for_access(0, "optimized");
    write_until(client, left);
}

TEST_F(NvmeTcpPaths, ActiveActiveTakesAllOfTheBest) {
    ASSERT_EQ(create_both({{"multipath", active_active}}), 0);
    Client client("Nvme0n1", Access::write);
    wait_until_connected();
    write_until(client, left);
    write_until(client, right);
    const unsigned on_left = left.writes(), on_right = right.writes();
    for (int i = 0; i < 20; i++)
        ASSERT_TRUE(client.write(0, pattern(512)).ok());
    EXPECT_EQ(left.writes() - on_left, 10u);
    EXPECT_EQ(right.writes() - on_right, 10u);
    EXPECT_GE(path(0).at("ios"), 10u);
    EXPECT_GE(path(1).at("ios"), 10u);
    left.set_access(NVME_ANA_STATE_NONOPTIMIZED);
    wait_for_access(0, "non-optimized");
    write_until(client, right);
    const unsigned before = left.writes();
    for (int i = 0; i < 20; i++)
        ASSERT_TRUE(client.write(0, pattern(512)).ok());
    EXPECT_EQ(left.writes(), before);
}

class NvmeTcpPathsUnderLoad : public NvmeTcpPaths, public testing::WithParamInterface<int> {};

/// An event tells the host, or the status of an I/O.
TEST_P(NvmeTcpPathsUnderLoad, AStateThatChangesMovesIo) {
    ASSERT_EQ(create_both({{"multipath", GetParam()}}), 0);
    Client client("Nvme0n1", Access::write);
    VerifyingLoad load(client, 0);
    wait_until_connected();
    for (const bool tells : {true, false, true, false}) {
        left.set_access(NVME_ANA_STATE_INACCESSIBLE, tells);
        right.wait_for_writes(50);
        left.set_access(NVME_ANA_STATE_OPTIMIZED);
        right.set_access(NVME_ANA_STATE_CHANGE, tells);
        left.wait_for_writes(50);
        right.set_access(NVME_ANA_STATE_OPTIMIZED);
    }
    EXPECT_GT(load.end(), 0u);
    EXPECT_EQ(path(0).at("reconnects"), 0);
}

TEST_P(NvmeTcpPathsUnderLoad, APathThatGoesAndComesLosesNothing) {
    ASSERT_EQ(create_both({{"multipath", GetParam()}}), 0);
    Client here("Nvme0n1", Access::write);
    Client there("Nvme0n1", Access::write, host.new_thread("there"));
    VerifyingLoad first(here, 0);
    VerifyingLoad second(there, TestTarget::blocks / 2);
    for (unsigned round = 1; round <= 5; round++) {
        left.wait_for_io_queues(2 * round);
        right.wait_for_io_queues(2 * round);
        left.stop();
        right.wait_for_writes(20);
        left.start();
        left.wait_for_writes(20);
        right.stop();
        left.wait_for_writes(20);
        right.start();
    }
    EXPECT_GT(first.end(), 0u);
    EXPECT_GT(second.end(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Policies, NvmeTcpPathsUnderLoad, testing::Values(active_passive, active_active),
                         [](const auto& policy) {
                             return policy.param == active_active ? "active_active" : "active_passive";
                         });

TEST_F(NvmeTcpPaths, WithoutAccessIoWaits) {
    ASSERT_EQ(create_both(), 0);
    Client client("Nvme0n1", Access::write);
    wait_until_connected();
    left.set_access(NVME_ANA_STATE_INACCESSIBLE);
    right.set_access(NVME_ANA_STATE_PERSISTENT_LOSS);
    wait_for_access(0, "inaccessible");
    wait_for_access(1, "persistent-loss");
    const auto data = pattern(512);
    auto waits = client.start([&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_write_blocks(desc, ch, const_cast<std::byte*>(data.data()), 0, 1, nullptr, cb, arg);
    });
    // I/O that waits can be aborted: so it has not failed.
    void* token = nullptr;
    auto taken_back =
        client.start([&](auto* desc, auto* ch, auto cb,
                         void* arg) { return bdk_bdev_flush_blocks(desc, ch, 0, 1, nullptr, cb, arg); },
                     &token);
    EXPECT_TRUE(client.abort(token).ok());
    EXPECT_EQ(taken_back.get().status, BDK_BDEV_IO_STATUS_ABORTED);
    right.set_access(NVME_ANA_STATE_NONOPTIMIZED);
    EXPECT_TRUE(waits.get().ok());
    EXPECT_EQ(right.writes(), 1u);
}

TEST_F(NvmeTcpPaths, WithoutAccessForLongIoFailsUntilThereIsSome) {
    ASSERT_EQ(create_both({{"loss_timeout", one_second / 3}}), 0);
    Client client("Nvme0n1", Access::write);
    wait_until_connected();
    left.set_access(NVME_ANA_STATE_INACCESSIBLE);
    right.set_access(NVME_ANA_STATE_INACCESSIBLE);
    for (int i = 0; i < 2; i++) {
        const IoResult result = client.try_read(0, 1);
        EXPECT_EQ(result.status, BDK_BDEV_IO_STATUS_NVME_ERROR);
        EXPECT_EQ(result.nvme_sct, uint32_t(NVME_SCT_PATH));
        EXPECT_EQ(result.nvme_sc, uint32_t(NVME_SC_ANA_INACCESSIBLE));
    }
    right.set_access(NVME_ANA_STATE_OPTIMIZED);
    while (!client.try_read(0, 1).ok())
        std::this_thread::yield();
}

TEST_F(NvmeTcpPaths, AStateThatChangesForTooLongEndsThePath) {
    ASSERT_EQ(create_both(), 0);
    Client client("Nvme0n1", Access::write);
    wait_until_connected();
    LogCapture log;
    left.set_access(NVME_ANA_STATE_CHANGE);
    wait_for_reconnects(1);
    EXPECT_TRUE(log.has({"has been changing for more than twice the 1 s of ANATT"}));
    EXPECT_TRUE(client.write(0, pattern(512)).ok());
    EXPECT_EQ(right.writes(), 1u);
}

TEST_F(NvmeTcpPaths, TheControllerIsGivenUpOnceNoPathIsLeft) {
    ASSERT_EQ(create_both({{"loss_timeout", one_second / 2}}), 0);
    Client client("Nvme0n1", Access::write);
    wait_until_connected();
    left.stop();
    wait_for_reconnects(1);
    // As long as that it would be given up twice.
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    while (std::chrono::steady_clock::now() < until)
        ASSERT_TRUE(client.write(0, pattern(512)).ok());
    right.stop();
    EXPECT_EQ(client.try_read(0, 1).aio_errno, -ENXIO);
}

TEST_F(NvmeTcpPaths, APathToAnotherSubsystemIsNotUsed) {
    TestTarget other(Manners{.serial = "54321               "});
    LogCapture log;
    ASSERT_EQ(create(left, {{"paths", std::vector<std::string>{"127.0.0.1:" + std::to_string(other.port())}},
                            {"multipath", active_active}}),
              0);
    Client client("Nvme0n1", Access::write);
    while (!log.has({"it leads to another subsystem, with the serial number '54321' instead of '12345'"}))
        ASSERT_TRUE(client.write(0, pattern(512)).ok());
    EXPECT_EQ(other.io_queues_connected(), 0u);
}

}  // namespace
}  // namespace bdk::test

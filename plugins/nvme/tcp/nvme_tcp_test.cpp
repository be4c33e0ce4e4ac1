// SPDX-License-Identifier: BSD-3-Clause
// The module nvme over TCP, against a small target on the loopback interface. tests/vm/nvme_tcp.py tests it
// against a real target in a virtual machine.
#include <nvme/types.h>

#include "test_fixture.hpp"

namespace bdk::test {
namespace {

TEST_F(NvmeTcp, ANamespaceIsABdev) {
    TestTarget target;
    ASSERT_EQ(create(target), 0);
    Client client("Nvme0n1", Access::write);
    EXPECT_EQ(client.num_blocks(), TestTarget::blocks);
    EXPECT_EQ(client.block_size(), TestTarget::block_size);
    const auto info = host.info("Nvme0n1").dump();
    EXPECT_NE(info.find("\"serial_number\":\"12345\""), std::string::npos) << info;
    EXPECT_NE(info.find("\"transport\":\"tcp\""), std::string::npos) << info;
}

/// Every size that goes another way: in the capsule, asked for, in several PDUs and several requests.
TEST_F(NvmeTcp, WhatIsReadIsWhatWasWritten) {
    struct Form {
        bool header, data, success;
    };
    for (const Form form : {Form{false, false, true}, Form{true, true, true}, Form{true, false, false},
                            Form{false, true, false}}) {
        TestTarget target(Manners{.success_flag = form.success});
        ASSERT_EQ(create(target, {{"header_digest", form.header}, {"data_digest", form.data}}), 0);
        Client client("Nvme0n1", Access::write);
        uint64_t block = 0;
        for (const size_t length : {512, 4096, 4608, 65536, 262144, 1 << 20}) {
            const auto data = pattern(length, length);
            ASSERT_TRUE(client.write(block, data).ok()) << length;
            EXPECT_EQ(client.read(block, length / 512), data);
            EXPECT_TRUE(std::equal(data.begin(), data.end(), target.disk().begin() + long(block * 512)));
            block += length / 512;
        }
        EXPECT_TRUE(client.write_zeroes(0, 8).ok());
        EXPECT_EQ(client.read(0, 8), std::vector<std::byte>(4096));
        EXPECT_TRUE(client.flush(0, 8).ok());
        client.close();
        EXPECT_EQ(host.remove("Nvme0n1"), 0);
        target.wait_for_shutdowns(1);
    }
}

/// Reactors that sleep whenever nothing is ready: the sockets wake them.
class NvmeTcpAsleep : public NvmeTcp {
protected:
    NvmeTcpAsleep() : NvmeTcp(sleepers()) {}

    static RuntimeOptions sleepers() {
        RuntimeOptions options = test_runtime_options();
        options.reactors.mode = ReactorMode::interrupt;
        return options;
    }
};

TEST_F(NvmeTcpAsleep, IoGoesOnAndSurvivesTheTarget) {
    TestTarget target;
    ASSERT_EQ(create(target), 0);
    Client client("Nvme0n1", Access::write);
    VerifyingLoad load(client, 0);
    target.wait_for_writes(100);
    target.stop();
    target.start();
    target.wait_for_writes(100);
    EXPECT_GT(load.end(), 0u);
}

TEST_F(NvmeTcp, EachThreadHasAQueue) {
    TestTarget target;
    ASSERT_EQ(create(target), 0);
    Client first("Nvme0n1", Access::write);
    Client second("Nvme0n1", Access::write, host.new_thread("second"));
    EXPECT_TRUE(first.write(0, pattern(512)).ok());
    EXPECT_EQ(second.read(0, 1), pattern(512));
    EXPECT_EQ(target.io_queues_connected(), 2u);
}

TEST_F(NvmeTcp, AnErrorKeepsItsStatus) {
    TestTarget target;
    ASSERT_EQ(create(target), 0);
    Client client("Nvme0n1", Access::write);
    // The write goes past the end that the target has by now.
    target.disk().resize(4096);
    const IoResult result = client.write(100, pattern(512));
    EXPECT_EQ(result.status, BDK_BDEV_IO_STATUS_NVME_ERROR);
    EXPECT_EQ(result.nvme_sct, 0u);
    EXPECT_EQ(result.nvme_sc, 0x80u);
}

TEST_F(NvmeTcp, IoWaitsForATargetThatComesAgain) {
    TestTarget target;
    ASSERT_EQ(create(target), 0);
    Client client("Nvme0n1", Access::write);
    ASSERT_TRUE(client.write(0, pattern(512)).ok());
    for (int round = 1; round <= 3; round++) {
        target.hold(true);
        const auto data = pattern(65536, uint64_t(round));
        auto held = client.start([&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_write_blocks(desc, ch, const_cast<std::byte*>(data.data()), 0, 128, nullptr, cb,
                                         arg);
        });
        target.wait_until_held(unsigned(round));
        target.stop();
        target.hold(false);
        auto behind = client.start([&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_flush_blocks(desc, ch, 0, 128, nullptr, cb, arg);
        });
        target.start();
        EXPECT_TRUE(held.get().ok());
        EXPECT_TRUE(behind.get().ok());
        EXPECT_EQ(client.read(0, 128), data);
    }
}

TEST_F(NvmeTcp, ATargetThatGoesAndComesUnderLoadLosesNothing) {
    TestTarget target;
    ASSERT_EQ(create(target, {{"header_digest", true}, {"data_digest", true}}), 0);
    Client here("Nvme0n1", Access::write);
    Client there("Nvme0n1", Access::write, host.new_thread("there"));
    VerifyingLoad first(here, 0);
    VerifyingLoad second(there, TestTarget::blocks / 2);
    for (unsigned round = 1; round <= 10; round++) {
        target.wait_for_io_queues(round * 2);
        target.wait_for_writes(20);
        target.stop();
        target.start();
    }
    target.wait_for_writes(20);
    EXPECT_GT(first.end(), 0u);
    EXPECT_GT(second.end(), 0u);
}

TEST_F(NvmeTcp, AnotherPortalTakesOverUnderLoad) {
    TestTarget left;
    TestTarget right(left);
    const std::vector<std::string> others{"127.0.0.1:" + std::to_string(right.port())};
    ASSERT_EQ(create(left, {{"paths", others}, {"reconnect_delay", 10 * one_second}}), 0);
    Client client("Nvme0n1", Access::write);
    VerifyingLoad load(client, 0);
    for (unsigned round = 1; round <= 3; round++) {
        left.wait_for_io_queues(round);
        left.wait_for_writes(20);
        left.stop();
        right.wait_for_io_queues(round);
        right.wait_for_writes(20);
        left.start();
        right.stop();
        left.wait_for_writes(20);
        right.start();
    }
    EXPECT_GT(load.end(), 0u);
}

TEST_F(NvmeTcp, APortalThatIsAwayAtTheStartIsPassedOver) {
    TestTarget left;
    TestTarget right(left);
    left.stop();
    EXPECT_EQ(create(left), -ECONNREFUSED);
    const auto other = [&](std::string portal) {
        return create(left, {{"paths", std::vector<std::string>{portal}}});
    };
    EXPECT_EQ(other("127.0.0.1:4420:1"), -EINVAL);
    EXPECT_EQ(other("[::1:4420"), -EINVAL);
    EXPECT_EQ(other("127.0.0.1:" + std::to_string(right.port())), 0);
    EXPECT_EQ(Client("Nvme0n1", Access::write).read(0, 1), std::vector<std::byte>(512));
}

TEST_F(NvmeTcp, AControllerThatStaysAwayIsGivenUp) {
    TestTarget target;
    ASSERT_EQ(create(target, {{"loss_timeout", one_second / 3}}), 0);
    Client client("Nvme0n1", Access::write);
    ASSERT_TRUE(client.write(0, pattern(512)).ok());
    target.stop();
    const IoResult result = client.try_read(0, 1);
    EXPECT_FALSE(result.ok());
    EXPECT_EQ(result.aio_errno, -ENXIO);
    client.wait_for_event(BDK_BDEV_EVENT_REMOVE);
    client.close();
    target.start();
}

TEST_F(NvmeTcp, ATargetThatTakesNoIoQueuesAnyMoreIsGivenUp) {
    TestTarget target;
    ASSERT_EQ(create(target, {{"loss_timeout", one_second}}), 0);
    Client client("Nvme0n1", Access::write);
    ASSERT_TRUE(client.write(0, pattern(512)).ok());
    target.refuse_io_queues(true);
    target.stop();
    target.start();
    EXPECT_EQ(client.try_read(0, 1).aio_errno, -ENXIO);
}

class NvmeTcpIdentity : public NvmeTcp, public testing::WithParamInterface<bool> {};

TEST_P(NvmeTcpIdentity, ANamespaceThatWasReplacedGetsNoIo) {
    TestTarget target(Manners{.has_uuid = GetParam()});
    ASSERT_EQ(create(target), 0);
    LogCapture log;
    Client client("Nvme0n1", Access::write);
    ASSERT_TRUE(client.write(0, pattern(512)).ok());
    target.stop();
    wait_for_reconnects(1);
    target.replace();
    auto waits = client.start([data = pattern(512, 2)](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_write_blocks(desc, ch, const_cast<std::byte*>(data.data()), 0, 1, nullptr, cb, arg);
    });
    target.start();
    EXPECT_EQ(waits.get().aio_errno, -ENXIO);
    EXPECT_TRUE(log.has({"given up: namespace 1 of the target is a different one now"}));
    EXPECT_TRUE(std::equal(target.disk().begin(), target.disk().begin() + 512, pattern(512).begin()));
}

/// The event finds it, with the connections as they are.
TEST_P(NvmeTcpIdentity, ANamespaceThatIsReplacedMeanwhileGetsNoMoreIo) {
    TestTarget target(Manners{.has_uuid = GetParam()});
    ASSERT_EQ(create(target), 0);
    LogCapture log;
    Client client("Nvme0n1", Access::write);
    ASSERT_TRUE(client.write(0, pattern(512)).ok());
    target.replace();
    target.resize(TestTarget::blocks);
    client.wait_for_event(BDK_BDEV_EVENT_REMOVE);
    EXPECT_TRUE(log.has({"given up: namespace 1 of the target is a different one now"}));
}

INSTANTIATE_TEST_SUITE_P(Identifiers, NvmeTcpIdentity, testing::Bool(),
                         [](const auto& uuid) { return std::string(uuid.param ? "Uuid" : "Nguid"); });

TEST_F(NvmeTcp, AResetEndsWhatIsInFlight) {
    TestTarget target;
    ASSERT_EQ(create(target), 0);
    Client client("Nvme0n1", Access::write);
    target.hold(true);
    auto held = client.start([&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_flush_blocks(desc, ch, 0, 1, nullptr, cb, arg);
    });
    target.wait_until_held(1);
    target.hold(false);
    EXPECT_TRUE(client.reset().ok());
    EXPECT_EQ(held.get().status, BDK_BDEV_IO_STATUS_ABORTED);
    EXPECT_TRUE(client.write(0, pattern(512)).ok());
}

TEST_F(NvmeTcp, ALateCommandEndsAndTheConnectionsAreMadeAgain) {
    TestTarget target;
    ASSERT_EQ(create(target, {{"timeout", one_second / 5}}), 0);
    Client client("Nvme0n1", Access::write);
    target.hold(true);
    auto held = client.start([&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_flush_blocks(desc, ch, 0, 1, nullptr, cb, arg);
    });
    target.wait_until_held(1);
    target.hold(false);
    EXPECT_EQ(held.get().aio_errno, -ETIMEDOUT);
    EXPECT_TRUE(client.write(0, pattern(512)).ok());
}

TEST_F(NvmeTcp, ATargetThatDoesNotKeepAliveIsConnectedAgain) {
    TestTarget target;
    target.ignore_keep_alive(true);
    ASSERT_EQ(create(target, {{"keep_alive", one_second / 5}}), 0);
    Client client("Nvme0n1", Access::write);
    ASSERT_TRUE(client.write(0, pattern(512)).ok());
    wait_for_reconnects(1);
    target.ignore_keep_alive(false);
    EXPECT_EQ(client.read(0, 1), pattern(512));
}

TEST_F(NvmeTcp, AnAbortTakesBackWhatWaitsAndAsksTheTargetForTheRest) {
    TestTarget target;
    ASSERT_EQ(create(target), 0);
    Client client("Nvme0n1", Access::write);
    ASSERT_TRUE(client.write(0, pattern(512)).ok());
    const auto flush = [&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_flush_blocks(desc, ch, 0, 1, nullptr, cb, arg);
    };
    void* token = nullptr;
    target.hold(true);
    auto held = client.start(flush, &token);
    target.wait_until_held(1);
    EXPECT_EQ(client.abort(token).status, BDK_BDEV_IO_STATUS_FAILED);  // says the target
    EXPECT_EQ(target.aborts(), 1u);

    target.hold(false);
    target.stop();
    wait_for_reconnects(1);
    auto waits = client.start(flush, &token);
    EXPECT_TRUE(client.abort(token).ok());
    EXPECT_EQ(waits.get().status, BDK_BDEV_IO_STATUS_ABORTED);
    target.start();
    EXPECT_TRUE(held.get().ok());
}

TEST_F(NvmeTcp, CommandsOfTheUsersOwn) {
    TestTarget target;
    ASSERT_EQ(create(target), 0);
    Client client("Nvme0n1", Access::write);
    std::vector<std::byte> buffer(4096);
    nvme::Command command{.opcode = nvme_admin_identify, .cdw10 = NVME_IDENTIFY_CNS_CTRL};
    EXPECT_TRUE(client
                    .run([&](auto* desc, auto* ch, auto cb, void* arg) {
                        return bdk_bdev_nvme_admin_passthru(desc, ch, &command, buffer.data(), 4096, nullptr,
                                                            cb, arg);
                    })
                    .ok());
    EXPECT_EQ(std::memcmp(buffer.data() + 4, "12345 ", 6), 0);
    ASSERT_TRUE(client.write(8, pattern(512)).ok());
    command = {.opcode = nvme_cmd_read, .cdw10 = 8};
    EXPECT_TRUE(client
                    .run([&](auto* desc, auto* ch, auto cb, void* arg) {
                        return bdk_bdev_nvme_io_passthru(desc, ch, &command, buffer.data(), 512, nullptr, cb,
                                                         arg);
                    })
                    .ok());
    buffer.resize(512);
    EXPECT_EQ(buffer, pattern(512));
    // What was in flight when a connection went is not carried out twice.
    target.hold(true);
    auto held = client.start([&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_nvme_io_passthru(desc, ch, &command, buffer.data(), 512, nullptr, cb, arg);
    });
    target.wait_until_held(1);
    target.stop();
    EXPECT_EQ(held.get().status, BDK_BDEV_IO_STATUS_ABORTED);
    target.hold(false);
    target.start();
}

TEST_F(NvmeTcp, LogPagesMayBeShorterThanTheRoomForThem) {
    for (const bool success_flag : {false, true}) {
        TestTarget target(Manners{.spare_namespaces = 100,
                                  .success_flag = success_flag,
                                  .short_logs = true,
                                  .reports_access = true});
        ASSERT_EQ(create(target), 0);
        Client client("Nvme0n1", Access::write);
        EXPECT_TRUE(client.write(0, pattern(512)).ok());
        target.set_access(NVME_ANA_STATE_NONOPTIMIZED);
        wait_for_access(0, "non-optimized");
        target.resize(TestTarget::blocks / 2 * 3);
        client.wait_for_event(BDK_BDEV_EVENT_RESIZE);
        client.close();
        EXPECT_EQ(host.remove("Nvme0n1"), 0);
    }
}

TEST_F(NvmeTcp, AReadThatComesShortIsAnError) {
    TestTarget target(Manners{.short_reads = true});
    ASSERT_EQ(create(target), 0);
    Client client("Nvme0n1", Access::write);
    EXPECT_EQ(client.try_read(0, 8).aio_errno, -EIO);
}

TEST_F(NvmeTcp, ThreadsThatFindNoQueueAreRefused) {
    TestTarget target(Manners{.queues = 1});
    ASSERT_EQ(create(target), 0);
    bdk_thread* thread = host.new_thread("second");
    LogCapture log;
    Client first("Nvme0n1", Access::write);
    EXPECT_ANY_THROW(Client("Nvme0n1", Access::write, thread));
    EXPECT_TRUE(log.has({"grants 1 I/O queues"}));
    EXPECT_TRUE(first.write(0, pattern(512)).ok());
}

TEST_F(NvmeTcp, ANamespaceThatGrowsIsFollowed) {
    TestTarget target;
    ASSERT_EQ(create(target), 0);
    Client client("Nvme0n1", Access::write);
    ASSERT_TRUE(client.write(0, pattern(512)).ok());
    target.resize(TestTarget::blocks * 2);
    client.wait_for_event(BDK_BDEV_EVENT_RESIZE);
    EXPECT_EQ(client.num_blocks(), TestTarget::blocks * 2);
}

TEST_F(NvmeTcp, WhatCannotBeIsSaid) {
    LogCapture log;
    TestTarget target;
    EXPECT_EQ(create(target, {{"subsystem", "nqn.2024-01.io.bdevkit:other"}}), -ENOENT);
    EXPECT_TRUE(log.has({"has no subsystem 'nqn.2024-01.io.bdevkit:other'"}));
    EXPECT_EQ(create(target, {{"subsystem", "other"}}), -EINVAL);
    EXPECT_TRUE(log.has({"expected an NQN"}));
    target.stop();
    EXPECT_EQ(create(target), -ECONNREFUSED);
    EXPECT_TRUE(log.has({"cannot connect to 127.0.0.1:"}));
    target.start();
}

}  // namespace
}  // namespace bdk::test

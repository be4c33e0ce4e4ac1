// SPDX-License-Identifier: BSD-3-Clause
// The module in plain C, in a host inside the test program, on a base that the test controls.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/client.hpp"
#include "support/test_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

using bdevkit::Io;
using bdevkit::IoStatus;
using bdevkit::IoType;

class CPassthru : public testing::Test {
protected:
    explicit CPassthru(const RuntimeOptions& options = test_runtime_options()) : host(options) {
        TestDisk::configure() = nullptr;
        host.load(C_PASSTHRU_PLUGIN);
        EXPECT_EQ(host.add(&test_disk_module), 0);
    }

    int create_base(const GivenOptions& options = {}) { return host.create("test_disk", "base", options); }
    int create_top() { return host.create("c_passthru", "top", {{"base", "base"}}); }
    void stack(const GivenOptions& base_options = {}) {
        ASSERT_EQ(create_base(base_options), 0);
        ASSERT_EQ(create_top(), 0);
    }
    TestDisk& base() { return TestDisk::named("base"); }

    TestHost host;
};

TEST_F(CPassthru, ReadsAndWritesItsBase) {
    stack();
    Client client("top", Access::write);
    ASSERT_TRUE(client.write(5, pattern(2048)).ok());
    EXPECT_TRUE(
        std::equal(base().data().begin() + 5 * 512, base().data().begin() + 9 * 512, pattern(2048).begin()));
    EXPECT_EQ(client.read(5, 4), pattern(2048));
    EXPECT_EQ(client.read_without_buffer(5, 4).data, pattern(2048));
}

TEST_F(CPassthru, PassesEveryTypeOn) {
    stack();
    Client client("top", Access::write);
    ASSERT_TRUE(client.flush(1, 3).ok());
    ASSERT_TRUE(client.unmap(2, 4).ok());
    ASSERT_TRUE(client.write_zeroes(3, 5).ok());
    ASSERT_TRUE(client.copy(8, 4, 2).ok());
    ASSERT_TRUE(client.compare(6, pattern(1024)).ok());
    const std::vector<TestDisk::Seen> expected = {{BDK_BDEV_IO_TYPE_FLUSH, 1, 3},
                                                  {BDK_BDEV_IO_TYPE_UNMAP, 2, 4},
                                                  {BDK_BDEV_IO_TYPE_WRITE_ZEROES, 3, 5},
                                                  {BDK_BDEV_IO_TYPE_COPY, 8, 2},
                                                  {BDK_BDEV_IO_TYPE_COMPARE, 6, 2}};
    EXPECT_EQ(base().seen(), expected);
    EXPECT_TRUE(client.reset().ok());
    EXPECT_EQ(base().seen().back().type, uint32_t{BDK_BDEV_IO_TYPE_RESET});
}

TEST_F(CPassthru, HasTheShapeOfItsBase) {
    TestDisk::configure() = [](bdk_bdev& bdev) {
        bdev.flags = BDK_BDEV_WRITE_CACHE;
        bdev.required_alignment = 9;
        bdev.optimal_io_boundary = 8;
    };
    stack({{"block_size", 4096}, {"types", bdevkit::io_types(IoType::read, IoType::write, IoType::unmap)}});
    Client client("top", Access::read);
    EXPECT_EQ(client.block_size(), 4096u);
    EXPECT_EQ(client.num_blocks(), 1024u);
    EXPECT_EQ(bdk_bdev_get_buf_align(client.bdev()), 512u);
    EXPECT_EQ(bdk_bdev_get_optimal_io_boundary(client.bdev()), 8u);
    EXPECT_TRUE(bdk_bdev_has_write_cache(client.bdev()));
    EXPECT_TRUE(client.supports(BDK_BDEV_IO_TYPE_UNMAP));
    EXPECT_FALSE(client.supports(BDK_BDEV_IO_TYPE_SEEK_DATA));
}

TEST_F(CPassthru, TellsTheOptionsThatMakeItAgain) {
    stack();
    EXPECT_EQ(host.info("top").at("config").at("base"), "base");
}

TEST_F(CPassthru, CopiesTheStatusOfItsBase) {
    stack();
    call_on_app_thread([&] {
        base().on_submit = [](Io io) {
            if (io.offset_blocks() == 1) return io.complete_errno(-ENOSPC);
            if (io.offset_blocks() == 2) return bdk_bdev_io_complete_nvme_status(io.get(), 7, 2, 0x81);
            io.complete(IoStatus::failed);
        };
    });
    Client client("top", Access::read);
    EXPECT_EQ(client.try_read(0, 1).status, BDK_BDEV_IO_STATUS_FAILED);
    EXPECT_EQ(client.try_read(1, 1).aio_errno, -ENOSPC);
    EXPECT_EQ(client.try_read(2, 1).status, BDK_BDEV_IO_STATUS_NVME_ERROR);
}

TEST_F(CPassthru, FailsAnIoThatItsBaseRefuses) {
    TestDisk::configure() = [](bdk_bdev& bdev) {
        bdev.flags = BDK_BDEV_SPLIT_ON_WRITE_UNIT;  // which this module does not pass up
        bdev.write_unit_size = 4;
    };
    stack();
    Client client("top", Access::write);
    const IoResult refused = client.write(1, pattern(512));
    EXPECT_EQ(refused.rc, 0);
    EXPECT_EQ(refused.aio_errno, -EINVAL);
    EXPECT_TRUE(base().seen().empty());
    EXPECT_TRUE(client.write(4, pattern(2048)).ok());
}

TEST_F(CPassthru, AbortsTheIoThatItSentToItsBase) {
    stack();
    std::vector<Io> held;
    call_on_app_thread([&] {
        base().on_submit = [&](Io io) {
            if (io.type() != IoType::abort) return held.push_back(io);
            const bool found = !held.empty() && io.get()->u.abort.bio_to_abort == held.back().get();
            if (found) held.back().complete(IoStatus::aborted);
            if (found) held.pop_back();
            io.complete(found ? IoStatus::success : IoStatus::failed);
        };
    });
    Client client("top", Access::read);
    std::vector<std::byte> buffer(512);
    void* token = nullptr;
    auto read = client.start(
        [&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_read_blocks(desc, ch, buffer.data(), 0, 1, nullptr, cb, arg);
        },
        &token);
    EXPECT_TRUE(client.abort(token).ok());
    call_on_app_thread([&] {
        for (Io io : held)
            io.complete(IoStatus::failed);
    });
    EXPECT_EQ(read.get().status, BDK_BDEV_IO_STATUS_ABORTED);
}

TEST_F(CPassthru, ClaimsItsBase) {
    stack();
    EXPECT_EQ(Client::try_open("base", Access::write), -EPERM);
    EXPECT_EQ(Client::try_open("base", Access::read), 0);
    EXPECT_EQ(host.remove("top"), 0);
    EXPECT_EQ(Client::try_open("base", Access::write), 0) << "the claim has gone with the bdev";
}

TEST_F(CPassthru, WaitsForItsBaseToAppear) {
    ASSERT_EQ(create_top(), 0);
    EXPECT_FALSE(host.exists("top"));
    ASSERT_EQ(create_base(), 0);
    EXPECT_TRUE(host.exists("top"));
}

TEST_F(CPassthru, GoesWithItsBaseAndComesBackWithIt) {
    stack();
    Client client("top", Access::write);
    EXPECT_EQ(host.remove("base"), 0);
    EXPECT_EQ(client.events(BDK_BDEV_EVENT_REMOVE), 1u);
    EXPECT_FALSE(host.exists("top"));

    ASSERT_EQ(create_base(), 0);
    EXPECT_TRUE(host.exists("top"));
}

TEST_F(CPassthru, StaysAwayWhenItWasRemoved) {
    stack();
    EXPECT_EQ(host.remove("top"), 0);
    EXPECT_EQ(host.remove("base"), 0);
    ASSERT_EQ(create_base(), 0);
    EXPECT_FALSE(host.exists("top"));
}

TEST_F(CPassthru, GoesOnlyWhenIoInFlightHasEnded) {
    stack();
    std::vector<Io> held;
    call_on_app_thread([&] { base().on_submit = [&](Io io) { held.push_back(io); }; });
    Client client("top", Access::write);
    std::vector<std::byte> buffer(512);
    auto write = client.start([&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_write_blocks(desc, ch, buffer.data(), 0, 1, nullptr, cb, arg);
    });
    settle(client.thread());
    Awaited<int> gone;
    host.start_remove("base", gone.setter());
    client.wait_for_event(BDK_BDEV_EVENT_REMOVE);
    settle(client.thread());
    EXPECT_FALSE(gone.is_ready());

    call_on_app_thread([&] {
        ASSERT_EQ(held.size(), 1u);
        held[0].complete(IoStatus::failed);
    });
    EXPECT_EQ(write.get().status, BDK_BDEV_IO_STATUS_FAILED);
    EXPECT_EQ(gone.get(), 0);
}

TEST_F(CPassthru, FollowsTheSizeOfItsBase) {
    stack();
    Client client("top", Access::read);
    call_on_app_thread([&] { base().resize(2048); });
    client.wait_for_event(BDK_BDEV_EVENT_RESIZE);
    EXPECT_EQ(client.num_blocks(), 2048u);
    EXPECT_TRUE(client.try_read(2047, 1).ok());
}

TEST_F(CPassthru, RefusesANameThatItHasAlready) {
    ASSERT_EQ(create_top(), 0);
    EXPECT_EQ(create_top(), -EEXIST);
    ASSERT_EQ(create_base(), 0);
    EXPECT_TRUE(host.exists("top")) << "the first is as it was";
}

TEST_F(CPassthru, HasAChannelOfItsBasePerThread) {
    stack();
    Client first("top", Access::write);
    Client second("top", Access::write, host.new_thread("second"));
    EXPECT_EQ(base().channels, 2);
    ASSERT_TRUE(second.write(1, pattern(512)).ok());
    EXPECT_EQ(first.read(1, 1), pattern(512));
}

TEST_F(CPassthru, CanBeMadeAndRemovedAgainAndAgain) {
    ASSERT_EQ(create_base(), 0);
    for (int round = 0; round < 100; round++) {
        ASSERT_EQ(create_top(), 0);
        {
            Client client("top", Access::write);
            ASSERT_TRUE(client.write(0, pattern(512, uint64_t(round))).ok());
        }
        ASSERT_EQ(host.remove("top"), 0);
    }
    EXPECT_EQ(base().channels, 0);
}

class CPassthruWithThreeBdevIos : public CPassthru {
protected:
    static RuntimeOptions options() {
        RuntimeOptions options = test_runtime_options();
        options.bdev.bdev_io_pool_size = 3;
        options.bdev.bdev_io_cache_size = 0;
        return options;
    }
    CPassthruWithThreeBdevIos() : CPassthru(options()) {}
};

// The first read takes two bdev_ios, the second read one for itself: none is left for its I/O on the base.
TEST_F(CPassthruWithThreeBdevIos, GoesOnWithWhatUsersDoNotGet) {
    stack();
    std::vector<Io> held;
    call_on_app_thread([&] { base().on_submit = [&](Io io) { held.push_back(io); }; });
    Client client("top", Access::read);
    std::vector<std::byte> buffer(1024);
    std::vector<Awaited<IoResult>> reads;
    for (uint64_t block : {0, 1})
        reads.push_back(client.start([&buffer, block](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_read_blocks(desc, ch, buffer.data() + block * 512, block, 1, nullptr, cb, arg);
        }));
    settle(client.thread());
    call_on_app_thread([&] {
        ASSERT_EQ(held.size(), 2u) << "the second has gone to the base with a bdev_io of the reserve";
        base().on_submit = nullptr;
        for (const Io io : held)
            base().serve(io);
    });
    for (auto& read : reads)
        EXPECT_TRUE(read.get().ok());
    EXPECT_EQ(base().seen().size(), 2u);
}

}  // namespace
}  // namespace bdk::test

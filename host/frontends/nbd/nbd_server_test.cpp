// SPDX-License-Identifier: BSD-3-Clause
// The nbd frontend over a disk that the test controls: the order of the bdev's I/O, and the answers to
// clients when the bdev fails, changes its size or is removed.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "frontends/nbd/nbd_config.hpp"
#include "frontends/nbd/nbd_test_client.hpp"
#include "support/await.hpp"
#include "support/test_disk.hpp"
#include "support/test_host.hpp"

namespace bdevkit::host::nbd {
namespace {

using bdk::test::TestDisk;
using bdk::test::TestHost;
using Bytes = Client::Bytes;
using Seen = TestDisk::Seen;

constexpr uint32_t block = 512;

Bytes filled(size_t size, int value) {
    return Bytes(size, std::byte(value));
}

class NbdServer : public testing::Test {
protected:
    explicit NbdServer(size_t reactors = 1) : host(bdk::test::test_runtime_options_with_reactors(reactors)) {}

    void SetUp() override {
        std::string pattern = (std::filesystem::temp_directory_path() / "nbd-server-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder = pattern;
        path = folder / "s";
        ASSERT_EQ(host.add(TestDisk::module()), 0);
        ASSERT_EQ(host.create("test_disk", "disk", {{"blocks", 64}}), 0);
        ASSERT_EQ(host.create("test_disk", "other", {{"blocks", 64}}), 0);
    }
    void TearDown() override {
        server.reset();
        std::filesystem::remove_all(folder);
    }

    void serve(std::vector<ExportSpec> exports = {{.bdev = "disk", .name = "disk"},
                                                  {.bdev = "other", .name = "other"}}) {
        server = make_nbd_server({.listen = "unix:" + path, .exports = std::move(exports)});
        const auto started = server->start();
        ASSERT_TRUE(started) << started.error();
    }

    TestDisk& disk() { return TestDisk::named("disk"); }
    void on_app(const std::function<void()>& fn) { bdk::call_on_app_thread(fn); }

    /// The requests to the disk since the last call.
    std::vector<Seen> news() {
        const std::vector<Seen> all = disk().seen();
        const std::vector<Seen> fresh(all.begin() + static_cast<ptrdiff_t>(known), all.end());
        known = all.size();
        return fresh;
    }

    TestHost host;
    std::filesystem::path folder;
    std::string path;
    std::unique_ptr<Frontend> server;
    size_t known = 0;
};

TEST_F(NbdServer, AlignedRequestsReachTheBdevAsTheyAre) {
    serve();
    Client client(path);
    ASSERT_TRUE(client.go("disk"));
    EXPECT_EQ(client.write(2 * block, filled(4 * block, 7)), Error::none);
    EXPECT_EQ(client.read(2 * block, 4 * block), filled(4 * block, 7));
    EXPECT_EQ(client.command(Command::write_zeroes, 0, 8 * block), Error::none);
    EXPECT_EQ(client.command(Command::trim, 8 * block, block), Error::none);
    EXPECT_EQ(client.command(Command::flush, 0, 0), Error::none);
    const std::vector<Seen> expected{{BDK_BDEV_IO_TYPE_WRITE, 2, 4},
                                     {BDK_BDEV_IO_TYPE_READ, 2, 4},
                                     {BDK_BDEV_IO_TYPE_WRITE_ZEROES, 0, 8},
                                     {BDK_BDEV_IO_TYPE_UNMAP, 8, 1},
                                     {BDK_BDEV_IO_TYPE_FLUSH, 0, 64}};
    EXPECT_EQ(news(), expected);
}

TEST_F(NbdServer, UnalignedWritesReadTheirEdgesFirst) {
    serve();
    Client client(path);
    ASSERT_TRUE(client.go("disk"));
    ASSERT_EQ(client.write(0, filled(4 * block, 1)), Error::none);
    news();
    EXPECT_EQ(client.write(100, filled(2 * block, 2)), Error::none);
    EXPECT_EQ(news(), (std::vector<Seen>{{BDK_BDEV_IO_TYPE_READ, 0, 1},
                                         {BDK_BDEV_IO_TYPE_READ, 2, 1},
                                         {BDK_BDEV_IO_TYPE_WRITE, 0, 3}}));
    EXPECT_EQ(client.write(3 * block + 10, filled(5, 3)), Error::none);
    EXPECT_EQ(news(), (std::vector<Seen>{{BDK_BDEV_IO_TYPE_READ, 3, 1}, {BDK_BDEV_IO_TYPE_WRITE, 3, 1}}));
    Bytes expected = filled(4 * block, 1);
    std::fill_n(expected.begin() + 100, 2 * block, std::byte{2});
    std::fill_n(expected.begin() + 3 * block + 10, 5, std::byte{3});
    EXPECT_EQ(client.read(0, 4 * block), expected);
}

TEST_F(NbdServer, UnalignedZeroesAreWrittenAtTheEdgesAndZeroedInside) {
    serve();
    Client client(path);
    ASSERT_TRUE(client.go("disk"));
    ASSERT_EQ(client.write(0, filled(6 * block, 1)), Error::none);
    news();
    EXPECT_EQ(client.command(Command::write_zeroes, 10, 4 * block), Error::none);
    EXPECT_EQ(news(), (std::vector<Seen>{{BDK_BDEV_IO_TYPE_READ, 0, 1},
                                         {BDK_BDEV_IO_TYPE_WRITE, 0, 1},
                                         {BDK_BDEV_IO_TYPE_WRITE_ZEROES, 1, 3},
                                         {BDK_BDEV_IO_TYPE_READ, 4, 1},
                                         {BDK_BDEV_IO_TYPE_WRITE, 4, 1}}));
    const Bytes head = client.read(0, block);
    EXPECT_EQ(head[9], std::byte{1});
    EXPECT_EQ(head[10], std::byte{0});
    const Bytes tail = client.read(4 * block, block);
    EXPECT_EQ(tail[9], std::byte{0});
    EXPECT_EQ(tail[10], std::byte{1});
}

TEST_F(NbdServer, UnalignedTrimsKeepToWholeBlocks) {
    serve();
    Client client(path);
    ASSERT_TRUE(client.go("disk"));
    EXPECT_EQ(client.command(Command::trim, 100, 3 * block), Error::none);
    EXPECT_EQ(news(), (std::vector<Seen>{{BDK_BDEV_IO_TYPE_UNMAP, 1, 2}}));
    EXPECT_EQ(client.command(Command::trim, 100, 100), Error::none);
    EXPECT_EQ(news(), (std::vector<Seen>{}));
    EXPECT_EQ(client.command(Command::trim, 0, block, cmd_fua), Error::none);
    EXPECT_EQ(news(), (std::vector<Seen>{{BDK_BDEV_IO_TYPE_UNMAP, 0, 1}, {BDK_BDEV_IO_TYPE_FLUSH, 0, 64}}));
}

TEST_F(NbdServer, ErrorsOfTheBdevReachTheClient) {
    serve();
    const std::vector<std::pair<int, Error>> errors{{-EIO, Error::io},
                                                    {-ENOSPC, Error::nospc},
                                                    {-EILSEQ, Error::io},
                                                    {-ESHUTDOWN, Error::shutdown},
                                                    {-EPERM, Error::perm}};
    Client client(path);
    ASSERT_TRUE(client.go("disk"));
    for (const auto& [code, expected] : errors) {
        on_app([&, code = code] {
            disk().on_submit = [code](TestDisk::Io io) { bdk_bdev_io_complete_aio_status(io.get(), code); };
        });
        EXPECT_EQ(client.write(0, filled(block, 1)), expected);
        EXPECT_EQ(client.write(5, filled(block, 1)), expected) << "in the middle of a read-modify-write";
    }
    on_app([&] { disk().on_submit = nullptr; });
    EXPECT_EQ(client.write(5, filled(block, 1)), Error::none) << "no range stays locked";
}

TEST_F(NbdServer, ABdevThatTakesNoWritesIsExportedReadOnly) {
    const uint64_t reads = BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_READ);
    ASSERT_EQ(host.create("test_disk", "rom", {{"types", reads}}), 0);
    serve({{.bdev = "rom", .name = "rom"}, {.bdev = "disk", .name = "guarded", .read_only = true}});
    for (const char* name : {"rom", "guarded"}) {
        Client client(path);
        const auto granted = client.go(name);
        ASSERT_TRUE(granted);
        EXPECT_TRUE(granted->flags & read_only);
        EXPECT_FALSE(granted->flags & (send_trim | send_write_zeroes | send_fua));
        EXPECT_EQ(client.write(0, filled(block, 1)), Error::perm);
    }
}

TEST_F(NbdServer, OnlyWhatTheBdevDoesIsOffered) {
    const uint64_t types =
        BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_READ) | BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_WRITE);
    ASSERT_EQ(host.create("test_disk", "plain", {{"types", types}}), 0);
    serve({{.bdev = "plain", .name = "plain"}});
    Client client(path);
    const auto granted = client.go("plain");
    ASSERT_TRUE(granted);
    EXPECT_FALSE(granted->flags & (send_flush | send_trim));
    EXPECT_EQ(client.command(Command::trim, 0, block), Error::inval);
}

TEST_F(NbdServer, StartFailsAndLeavesNothingBehind) {
    auto failing =
        make_nbd_server({.listen = "unix:" + path, .exports = {{.bdev = "disk"}, {.bdev = "nobody"}}});
    const auto started = failing->start();
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().find("nobody"), std::string::npos) << started.error();
    EXPECT_FALSE(std::filesystem::exists(path));
    serve();
    EXPECT_EQ(server->where(), "nbd+unix:///disk?socket=" + path + "\nnbd+unix:///other?socket=" + path);
}

TEST_F(NbdServer, NewConnectionsSeeTheNewSize) {
    serve();
    Client before(path);
    EXPECT_EQ(before.go("disk")->size, 64u * block);
    on_app([&] { disk().resize(128); });
    Client after(path);
    EXPECT_EQ(after.go("disk")->size, 128u * block);
    EXPECT_EQ(after.write(100 * block, filled(block, 9)), Error::none);
    EXPECT_EQ(before.write(100 * block, filled(block, 9)), Error::nospc);
}

/// Keeps what reaches the disk until release(). Made and released on the app thread, which shares the only
/// reactor.
class Held {
public:
    Held(TestDisk& disk, size_t count) : disk_(disk) {
        disk.on_submit = [this, count](TestDisk::Io io) {
            ios_.push_back(io);
            if (ios_.size() == count) arrived_.set_value();
        };
    }
    /// Ready when `count` I/Os are held.
    std::future<void> arrived() { return arrived_.get_future(); }
    void release() {
        disk_.on_submit = nullptr;
        for (const TestDisk::Io io : std::exchange(ios_, {})) {
            bdk_thread_send_msg(
                bdk_bdev_io_get_thread(io.get()),
                [](void* ctx) {
                    const TestDisk::Io held(static_cast<bdk_bdev_io*>(ctx));
                    held.complete();
                },
                io.get());
        }
    }

private:
    TestDisk& disk_;
    std::vector<TestDisk::Io> ios_;
    std::promise<void> arrived_;
};

TEST_F(NbdServer, ARemovedBdevAnswersWhatIsInFlightAndSendsItsClientsAway) {
    serve();
    std::unique_ptr<Held> held;
    on_app([&] { held = std::make_unique<Held>(disk(), 3); });
    std::future<void> arrived = held->arrived();
    Client client(path);
    ASSERT_TRUE(client.go("disk"));
    for (int i = 0; i < 3; ++i)
        client.request(Command::read, 0, block);
    arrived.get();

    std::promise<int> removed;
    on_app([&] { host.start_remove("disk", [&](int rc) { removed.set_value(rc); }); });
    on_app([&] { held->release(); });
    for (int i = 0; i < 3; ++i)
        EXPECT_TRUE(client.answer(block)) << "answered, whatever the answer is";
    EXPECT_TRUE(client.closed());
    EXPECT_EQ(removed.get_future().get(), 0);

    Client late(path);
    EXPECT_FALSE(late.go("disk"));
    Client other(path);
    EXPECT_TRUE(other.go("other")) << "the server lives on";
    EXPECT_EQ(other.read(0, block), filled(block, 0));
}

TEST_F(NbdServer, StopWaitsForTheBdev) {
    serve();
    std::unique_ptr<Held> held;
    on_app([&] { held = std::make_unique<Held>(disk(), 2); });
    std::future<void> arrived = held->arrived();
    Client client(path);
    ASSERT_TRUE(client.go("disk"));
    client.request(Command::read, 0, block);
    client.request(Command::flush, 0, 0);
    arrived.get();
    std::thread stopping([&] { server->stop(); });
    on_app([&] { held->release(); });
    EXPECT_TRUE(client.answer(block));
    EXPECT_TRUE(client.answer());
    EXPECT_TRUE(client.closed());
    stopping.join();
}

class NbdServerOnTwoReactors : public NbdServer {
protected:
    NbdServerOnTwoReactors() : NbdServer(2) {}
};

TEST_F(NbdServerOnTwoReactors, RemovalUnderLoad) {
    serve();
    std::vector<std::thread> clients;
    std::atomic<int> busy{0};
    for (int i = 0; i < 4; ++i) {
        clients.emplace_back([&] {
            Client client(path);
            if (!client.go("disk")) return;
            for (bool counted = false;;) {
                for (int n = 0; n < 16; ++n)
                    client.request(Command::write, 7, block, filled(block, n));
                for (int n = 0; n < 16; ++n) {
                    if (!client.answer()) return;
                }
                if (!std::exchange(counted, true)) ++busy;
            }
        });
    }
    while (busy < 4)
        std::this_thread::yield();
    EXPECT_EQ(host.remove("disk"), 0);
    for (auto& client : clients)
        client.join();
    Client other(path);
    EXPECT_TRUE(other.go("other"));
}

/// Waits until as many I/Os have reached the disk.
void wait_for_ios(const TestDisk& disk, size_t count) {
    while (disk.seen().size() < count)
        std::this_thread::yield();
}

class BigNbdServer : public NbdServer {
protected:
    static constexpr uint32_t mib = 1u << 20;

    void SetUp() override {
        NbdServer::SetUp();
        // Not zcopy: the disk lends nothing.
        const uint64_t types =
            bdevkit::io_types(TestDisk::IoType::read, TestDisk::IoType::write, TestDisk::IoType::abort);
        ASSERT_EQ(host.create("test_disk", "big", {{"blocks", uint64_t{4 * mib / block}}, {"types", types}}),
                  0);
        serve({{.bdev = "big", .name = "big"}, {.bdev = "other", .name = "other"}});
    }
    TestDisk& big() { return TestDisk::named("big"); }
    std::future<int> start_remove(const std::string& bdev) {
        return std::async(std::launch::async, [=, this] { return host.remove(bdev); });
    }
};

TEST_F(BigNbdServer, AClientThatDoesNotReadIsDroppedWhenItsBdevGoes) {
    Client lazy(path);
    ASSERT_TRUE(lazy.go("big"));
    constexpr size_t reads = 32;  // more than any socket buffers
    for (size_t i = 0; i < reads; i++)
        lazy.request(Command::read, 0, mib);
    wait_for_ios(big(), reads);
    std::future<int> removed = start_remove("big");
    Client other(path);
    ASSERT_TRUE(other.go("other"));
    EXPECT_EQ(host.remove("disk"), 0);
    EXPECT_EQ(other.read(0, block).size(), block) << "others do not wait";
    ASSERT_EQ(removed.wait_for(std::chrono::seconds(60)), std::future_status::ready);
    EXPECT_EQ(removed.get(), 0);
}

TEST_F(BigNbdServer, TheIoOfADroppedClientIsAbortedOnce) {
    std::vector<TestDisk::Io> kept;
    std::atomic<int> aborts{0};
    on_app([&] {
        big().on_submit = [&](TestDisk::Io io) {
            if (io.type() != TestDisk::IoType::abort) return kept.push_back(io);
            ++aborts;
            io.complete(bdevkit::IoStatus::failed);
        };
    });
    Client client(path);
    ASSERT_TRUE(client.go("big"));
    client.request(Command::write, 0, block, filled(block, 1), 0, 1);
    client.request(Command::write, 100, block, filled(block, 2), 0, 2);  // waits for the range of the first
    wait_for_ios(big(), 1);
    std::future<int> removed = start_remove("big");
    EXPECT_TRUE(client.closed());
    while (aborts == 0)
        std::this_thread::yield();
    bdk::test::call_on(bdk_bdev_io_get_thread(kept.front().get()), [&] { kept.front().complete(); });
    ASSERT_EQ(removed.wait_for(std::chrono::seconds(60)), std::future_status::ready)
        << "nothing begins any more";
    EXPECT_EQ(removed.get(), 0);
    EXPECT_EQ(aborts, 1);
}

}  // namespace
}  // namespace bdevkit::host::nbd

// SPDX-License-Identifier: BSD-3-Clause
// The behaviour of VirtualBdev, tested with passthru, which overrides nothing, and with modules that override
// parts of it.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/client.hpp"
#include "support/load.hpp"
#include "support/log_capture.hpp"
#include "support/test_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

using bdevkit::Io;
using bdevkit::IoStatus;
using bdevkit::IoType;

/// The upper half of its base. Says what happens to it.
class UpperHalf : public bdevkit::VirtualBdev<UpperHalf> {
public:
    struct Options {
        bdevkit::BdevName base;
    };
    static constexpr bdk_option options[] = {BDEVKIT_OPTION(base, "The base.").required()};

    UpperHalf(const char* name, const Options& given) : VirtualBdev(name, given.base) {
        start_ = bdev().blockcnt / 2;
        bdev().blockcnt -= start_;
    }
    ~UpperHalf() { events.push_back("destroyed"); }

    static const bdk_module* module() noexcept;

    void submit(Channel& ch, Io io) { forward_shifted(ch, io, int64_t(start_)); }
    void on_base_resized(uint64_t base_blocks) {
        events.push_back("resized");
        notify_resized(base_blocks - start_);
    }
    void on_base_removed() {
        events.push_back("removed");
        unregister();
    }
    void destruct() {
        events.push_back("destruct");
        VirtualBdev::destruct();
    }

    static inline std::vector<std::string> events;

private:
    uint64_t start_;
};

constinit const bdk_module upper_half_module = bdevkit::make_module<UpperHalf>({.name = "upper_half"});
const bdk_module* UpperHalf::module() noexcept {
    return &upper_half_module;
}

/// A layer on a base that another thread has opened for it.
class FarBase : public bdevkit::Bdev<FarBase> {
public:
    struct Channel {
        explicit Channel(FarBase& bdev) : desc(bdev.base_.get()), base(bdev.base_.get_io_channel()) {}
        bdk_bdev_desc* desc;
        bdevkit::IoChannel base;
    };

    explicit FarBase(const char* name) : Bdev(name), base_(std::move(opened)) {
        self = this;
        bdev().blockcnt = base_.num_blocks();
        bdev().blocklen = base_.block_size();
    }

    static const bdk_module* module() noexcept;

    static void open(bdk_thread* thread, const char* base) {
        call_on(thread, [&] {
            opened = bdevkit::Desc::open<&Events::on_event>(base, bdevkit::Access::read, &events);
        });
    }

    bool io_type_supported(IoType type) const { return base_.io_type_supported(type); }
    void submit(Channel& ch, Io io) { bdk_bdev_io_forward(io.get(), ch.desc, ch.base.get()); }
    void destruct() {
        base_.close();
        finish_destruct();
    }

private:
    struct Events {
        void on_event(uint32_t type, bdk_bdev*) {
            if (type == BDK_BDEV_EVENT_REMOVE) self->unregister();
        }
    };
    static inline Events events;
    static inline FarBase* self = nullptr;
    static inline bdevkit::Desc opened;

    bdevkit::Desc base_;
};

constinit const bdk_module far_base_module = bdevkit::make_module<FarBase>({.name = "far_base"});
const bdk_module* FarBase::module() noexcept {
    return &far_base_module;
}

class VirtualBdevTest : public testing::Test {
protected:
    VirtualBdevTest() {
        TestDisk::configure() = nullptr;
        UpperHalf::events.clear();
        host.load("passthru");
        EXPECT_EQ(host.add(&test_disk_module), 0);
        EXPECT_EQ(host.add(&upper_half_module), 0);
    }

    void stack(const GivenOptions& base_options = {}) {
        ASSERT_EQ(host.create("test_disk", "base", base_options), 0);
        ASSERT_EQ(host.create("passthru", "top", {{"base", "base"}}), 0);
    }
    TestDisk& base() { return TestDisk::named("base"); }
    int open_base_to_write() { return Client::try_open("base", Access::write); }

    TestHost host;
};

TEST_F(VirtualBdevTest, HasTheShapeOfItsBase) {
    TestDisk::configure() = [](bdk_bdev& bdev) {
        bdev.flags = BDK_BDEV_WRITE_CACHE;
        bdev.blocklen = 4096;
        bdev.phys_blocklen = 16384;
        bdev.required_alignment = 9;
        bdev.write_unit_size = 2;
        bdev.optimal_io_boundary = 8;
        bdev.max_segment_size = 65536;
        bdev.md_len = 8;
        bdev.acwu = 4;
    };
    stack({{"block_size", 4096}});
    Client client("top", Access::read);
    const bdk_bdev* top = client.bdev();
    EXPECT_EQ(client.num_blocks(), 1024u);
    EXPECT_EQ(client.block_size(), 4096u);
    EXPECT_EQ(bdk_bdev_get_physical_block_size(top), 16384u);
    EXPECT_EQ(bdk_bdev_get_write_unit_size(top), 2u);
    EXPECT_EQ(bdk_bdev_get_optimal_io_boundary(top), 8u);
    EXPECT_EQ(bdk_bdev_get_md_size(top), 8u);
    EXPECT_EQ(bdk_bdev_get_acwu(top), 4u);
    EXPECT_TRUE(bdk_bdev_has_write_cache(top));
    EXPECT_EQ(top->required_alignment, 9u);
    EXPECT_EQ(top->max_segment_size, 65536u);
    EXPECT_STREQ(bdk_bdev_get_name(top), "top");
    EXPECT_STREQ(bdk_bdev_get_module_name(top), "passthru");
    bdk_uuid top_uuid, base_uuid;
    bdk_bdev_get_uuid(top, &top_uuid);
    ASSERT_NE(top->bases, nullptr);
    bdk_bdev_get_uuid(top->bases[0], &base_uuid);
    EXPECT_NE(std::memcmp(&top_uuid, &base_uuid, sizeof(top_uuid)), 0) << "two bdevs have two UUIDs";
}

TEST_F(VirtualBdevTest, MirrorsTheTypesOfItsBase) {
    stack({{"types", bdevkit::io_types(IoType::read, IoType::write, IoType::seek_hole)}});
    Client base_client("base", Access::read), top_client("top", Access::read);
    for (uint32_t type = 1; type < 64; type++)
        EXPECT_EQ(top_client.supports(type), base_client.supports(type)) << bdk_bdev_io_type_name(type);
}

TEST_F(VirtualBdevTest, ForwardsEachIoAsItIs) {
    stack();
    Client client("top", Access::write);
    ASSERT_TRUE(client.write(5, pattern(1024)).ok());
    EXPECT_EQ(client.read(5, 2), pattern(1024));
    ASSERT_TRUE(client.read_without_buffer(5, 2).ok());
    ASSERT_TRUE(client.flush(1, 3).ok());
    ASSERT_TRUE(client.unmap(2, 4).ok());
    ASSERT_TRUE(client.write_zeroes(3, 5).ok());
    const std::vector<TestDisk::Seen> expected = {
        {BDK_BDEV_IO_TYPE_WRITE, 5, 2}, {BDK_BDEV_IO_TYPE_READ, 5, 2},
        {BDK_BDEV_IO_TYPE_READ, 5, 2},  {BDK_BDEV_IO_TYPE_FLUSH, 1, 3},
        {BDK_BDEV_IO_TYPE_UNMAP, 2, 4}, {BDK_BDEV_IO_TYPE_WRITE_ZEROES, 3, 5}};
    EXPECT_EQ(base().seen(), expected);
    EXPECT_TRUE(client.reset().ok());
    EXPECT_EQ(base().seen().back().type, uint32_t{BDK_BDEV_IO_TYPE_RESET});
}

TEST_F(VirtualBdevTest, ForwardsThroughManyLayers) {
    ASSERT_EQ(host.create("test_disk", "layer0", {}), 0);
    for (int layer = 1; layer <= 20; layer++)
        ASSERT_EQ(host.create("passthru", "layer" + std::to_string(layer),
                              {{"base", "layer" + std::to_string(layer - 1)}}),
                  0);
    Client client("layer20", Access::write);
    ASSERT_TRUE(client.write(9, pattern(512)).ok());
    EXPECT_EQ(client.read(9, 1), pattern(512));
    client.close();
    EXPECT_EQ(host.remove("layer0"), 0) << "the whole tower comes down";
    EXPECT_FALSE(host.exists("layer20"));
}

TEST_F(VirtualBdevTest, ShiftsWithoutANewRequest) {
    ASSERT_EQ(host.create("test_disk", "base", {}), 0);
    ASSERT_EQ(host.create("upper_half", "half", {{"base", "base"}}), 0);
    Client client("half", Access::write);
    EXPECT_EQ(client.num_blocks(), 512u);
    ASSERT_TRUE(client.write(3, pattern(512)).ok());
    EXPECT_EQ(client.read(3, 1), pattern(512));
    EXPECT_TRUE(std::equal(base().data().begin() + 515 * 512, base().data().begin() + 516 * 512,
                           pattern(512).begin()));
    EXPECT_EQ(client.try_read(512, 1).rc, -EINVAL) << "what lies beyond is refused";
}

TEST_F(VirtualBdevTest, PassesTheBasesStatusUp) {
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

TEST_F(VirtualBdevTest, RetriesWhenTheBaseHasNoMemory) {
    stack();
    int refusals = 3;
    call_on_app_thread([&] {
        base().on_submit = [&](Io io) {
            if (refusals-- > 0) return io.complete(IoStatus::nomem);
            base().serve(io);
        };
    });
    Client client("top", Access::write);
    EXPECT_TRUE(client.write(0, pattern(512)).ok());
    EXPECT_EQ(base().seen().size(), 4u);
}

TEST_F(VirtualBdevTest, ClaimsItsBase) {
    stack();
    LogCapture log;
    EXPECT_EQ(open_base_to_write(), -EPERM);
    EXPECT_TRUE(log.has({"passthru"})) << "the message names the holder";
    EXPECT_EQ(Client::try_open("base", Access::read), 0);
    EXPECT_EQ(host.create("passthru", "second", {{"base", "base"}}), -EPERM);
    EXPECT_FALSE(host.exists("second"));
    EXPECT_EQ(host.remove("top"), 0);
    EXPECT_EQ(open_base_to_write(), 0);
    EXPECT_EQ(host.create("passthru", "second", {{"base", "base"}}), 0) << "the claim is free again";
}

TEST_F(VirtualBdevTest, NeedsABaseThatIsThereAndNotWritten) {
    EXPECT_EQ(host.create("passthru", "top", {{"base", "nowhere"}}), -ENODEV);
    ASSERT_EQ(host.create("test_disk", "base", {}), 0);
    Client writer("base", Access::write);
    EXPECT_EQ(host.create("passthru", "top", {{"base", "base"}}), -EPERM);
    writer.close();
    EXPECT_EQ(host.create("passthru", "top", {{"base", "base"}}), 0);
}

TEST_F(VirtualBdevTest, NameThatIsTakenLeavesTheBaseFree) {
    ASSERT_EQ(host.create("test_disk", "base", {}), 0);
    ASSERT_EQ(host.create("test_disk", "top", {}), 0);
    EXPECT_EQ(host.create("passthru", "top", {{"base", "base"}}), -EEXIST);
    EXPECT_EQ(open_base_to_write(), 0);
}

TEST_F(VirtualBdevTest, FollowsTheSizeOfItsBase) {
    stack();
    Client client("top", Access::read);
    call_on_app_thread([&] { base().resize(2048); });
    client.wait_for_event(BDK_BDEV_EVENT_RESIZE);
    EXPECT_EQ(client.num_blocks(), 2048u);
    EXPECT_TRUE(client.try_read(2047, 1).ok());
}

TEST_F(VirtualBdevTest, OverriddenResizeDecidesTheSize) {
    ASSERT_EQ(host.create("test_disk", "base", {}), 0);
    ASSERT_EQ(host.create("upper_half", "half", {{"base", "base"}}), 0);
    Client client("half", Access::read);
    call_on_app_thread([&] { base().resize(2048); });
    client.wait_for_event(BDK_BDEV_EVENT_RESIZE);
    EXPECT_EQ(client.num_blocks(), 2048u - 512);
    EXPECT_EQ(UpperHalf::events, std::vector<std::string>{"resized"});
}

TEST_F(VirtualBdevTest, GoesWhenItsBaseGoes) {
    stack();
    Client client("top", Access::read);
    EXPECT_EQ(host.remove("base"), 0);
    EXPECT_EQ(client.events(BDK_BDEV_EVENT_REMOVE), 1u);
    EXPECT_FALSE(host.exists("top"));
    EXPECT_FALSE(host.exists("base"));
}

TEST_F(VirtualBdevTest, GoesWhileIoIsInFlight) {
    stack();
    std::vector<Io> held;
    call_on_app_thread([&] { base().on_submit = [&](Io io) { held.push_back(io); }; });
    Client client("top", Access::write);
    std::vector<std::byte> buffer(512);
    std::vector<Awaited<IoResult>> writes;
    for (int i = 0; i < 16; i++)
        writes.push_back(client.start([&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_write_blocks(desc, ch, buffer.data(), 0, 1, nullptr, cb, arg);
        }));
    settle(client.thread());
    Awaited<int> gone;
    host.start_remove("base", gone.setter());
    client.wait_for_event(BDK_BDEV_EVENT_REMOVE);
    settle(client.thread());
    EXPECT_FALSE(gone.is_ready()) << "I/O in flight is waited for";
    call_on_app_thread([&] {
        EXPECT_EQ(held.size(), 16u);
        for (Io io : held)
            io.complete(IoStatus::failed);
    });
    for (auto& write : writes)
        EXPECT_EQ(write.get().status, BDK_BDEV_IO_STATUS_FAILED);
    EXPECT_EQ(gone.get(), 0);
    EXPECT_FALSE(host.exists("top"));
}

TEST_F(VirtualBdevTest, BaseThatWasOpenedOnAnotherThreadIsClosedThere) {
    LogCapture log;
    ASSERT_EQ(host.add(&far_base_module), 0);
    ASSERT_EQ(host.create("test_disk", "base", {}), 0);
    FarBase::open(host.new_thread("opener"), "base");
    ASSERT_EQ(host.create("far_base", "top"), 0);
    Client client("top", Access::read);
    EXPECT_TRUE(client.try_read(0, 1).ok());
    EXPECT_EQ(host.remove("base"), 0) << "destruct, on the app thread, has closed the desc";
    EXPECT_FALSE(host.exists("top"));
    EXPECT_FALSE(log.has({"rule 2 broken"}));
}

TEST_F(VirtualBdevTest, OverriddenRemovalAndDestructAreCalledInOrder) {
    ASSERT_EQ(host.create("test_disk", "base", {}), 0);
    ASSERT_EQ(host.create("upper_half", "half", {{"base", "base"}}), 0);
    EXPECT_EQ(host.remove("base"), 0);
    EXPECT_EQ(UpperHalf::events, (std::vector<std::string>{"removed", "destruct", "destroyed"}));
}

TEST_F(VirtualBdevTest, EachThreadHasAChannelOfTheBase) {
    stack();
    EXPECT_EQ(base().channels, 0);
    bdk_thread* thread = host.new_thread("second");
    {
        Client first("top", Access::write), second("top", Access::write, thread);
        EXPECT_EQ(base().channels, 2);
        ASSERT_TRUE(first.write(0, pattern(512, 1)).ok());
        ASSERT_TRUE(second.write(1, pattern(512, 2)).ok());
        EXPECT_EQ(first.read(1, 1), pattern(512, 2));
    }
    while (base().channels != 0) {
        settle(thread);
        settle(bdk_thread_get_app_thread());
    }
    EXPECT_EQ(host.remove("top"), 0);
    EXPECT_EQ(open_base_to_write(), 0);
}

TEST(VirtualBdevUnderLoad, GoesWithItsBase) {
    TestHost host(test_runtime_options_with_reactors(2));
    for (const char* module : {"malloc", "null", "passthru", "readonly"})
        host.load(module);
    bdk_thread* threads[] = {host.new_thread("first", 0), host.new_thread("second", 1)};
    for (int round = 0; round < 20; round++) {
        const char* disk_module = round % 2 == 0 ? "malloc" : "null";
        ASSERT_EQ(host.create(disk_module, "disk", {{"size", 1 << 20}}), 0);
        ASSERT_EQ(host.create("passthru", "pass", {{"base", "disk"}}), 0);
        ASSERT_EQ(host.create("readonly", "top", {{"base", "pass"}}), 0);
        Client first("top", Access::read, threads[0]), second("pass", Access::write, threads[1]);
        Load one(first, 16, UINT64_MAX), two(second, 16, UINT64_MAX);
        settle(threads[0]);
        settle(threads[1]);
        ASSERT_EQ(host.remove(round % 3 == 0 ? "pass" : "disk"), 0);
        EXPECT_EQ(one.wait().rc, -ENODEV) << "every I/O that was accepted has completed";
        EXPECT_EQ(two.wait().rc, -ENODEV);
        if (host.exists("disk")) {
            ASSERT_EQ(host.remove("disk"), 0);
        }
    }
}

TEST_F(VirtualBdevTest, CanBeMadeAndRemovedAgainAndAgain) {
    ASSERT_EQ(host.create("test_disk", "base", {}), 0);
    for (int round = 0; round < 200; round++) {
        ASSERT_EQ(host.create("passthru", "top", {{"base", "base"}}), 0);
        {
            Client client("top", Access::write);
            ASSERT_TRUE(client.write(0, pattern(512, uint64_t(round))).ok());
        }
        ASSERT_EQ(host.remove("top"), 0);
    }
    EXPECT_EQ(base().channels, 0);
}

}  // namespace
}  // namespace bdk::test

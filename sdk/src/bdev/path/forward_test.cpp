// SPDX-License-Identifier: BSD-3-Clause
// Layers that forward: what each sees and counts, whatever the depth.
#include <gtest/gtest.h>

#include <memory>

#include "log/violation.hpp"
#include "support/client.hpp"
#include "support/raw_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

bdk_bdev_io_stat stat_of(Client& client) {
    bdk_bdev_io_stat stat{};
    stat.size = sizeof(stat);
    Awaited<int> done;
    auto set = done.setter();
    call_on(client.thread(), [&] {
        auto cb = [](bdk_bdev*, bdk_bdev_io_stat*, int rc, void* ctx) {
            (*static_cast<std::function<void(int)>*>(ctx))(rc);
        };
        bdk_bdev_get_device_stat(client.bdev(), &stat, cb, &set);
    });
    EXPECT_EQ(done.get(), 0);
    return stat;
}

class Forward : public testing::Test {
protected:
    Forward() {
        host.add(&raw_disk_module);
        call_on_app_thread([&] { ASSERT_EQ(disk.add(), 0); });
    }

    RawLayer& stack_on(const std::string& base, const std::string& name, int64_t delta = 0,
                       uint64_t num_blocks = 0, void (*done)(bdk_bdev_io*, bool) = nullptr) {
        layers.push_back(std::make_unique<RawLayer>(name, base, delta));
        layers.back()->num_blocks = num_blocks;
        layers.back()->done = done;
        call_on_app_thread([&] { EXPECT_EQ(layers.back()->add(), 0); });
        return *layers.back();
    }

    /// `depth` layers, named layer1 (on the disk) to layer<depth>.
    void stack(int depth) {
        for (int i = 1; i <= depth; i++)
            stack_on(i == 1 ? "disk" : "layer" + std::to_string(i - 1), "layer" + std::to_string(i));
    }

    RawDisk disk{"disk"};
    std::vector<std::unique_ptr<RawLayer>> layers;
    TestHost host;
};

TEST_F(Forward, DataGoThroughAnyDepth) {
    stack(40);
    Client client("layer40", Access::write);
    ASSERT_TRUE(client.write(5, pattern(1024)).ok());
    EXPECT_EQ(client.read(5, 2), pattern(1024));
    EXPECT_TRUE(client.flush(0, 64).ok());
}

TEST_F(Forward, EachLayerCounts) {
    stack(12);
    Client top("layer12", Access::write);
    Client middle("layer5", Access::read);
    ASSERT_TRUE(top.write(0, pattern(1024)).ok());
    top.read(0, 1);
    for (Client* client : {&top, &middle}) {
        bdk_bdev_io_stat stat = stat_of(*client);
        EXPECT_EQ(stat.num_write_ops, 1u);
        EXPECT_EQ(stat.bytes_written, 1024u);
        EXPECT_EQ(stat.num_read_ops, 1u);
        EXPECT_EQ(stat.bytes_read, 512u);
    }
}

TEST_F(Forward, ShiftedRangeIsTheBasesAndComesBackAsItWas) {
    static std::vector<uint64_t> offsets;
    offsets.clear();
    auto done = [](bdk_bdev_io* io, bool) {
        offsets.push_back(io->u.bdev.offset_blocks);
        bdk_bdev_io_complete_base_io_status(io, io);
    };
    stack_on("disk", "part", 16, 16, done);
    Client client("part", Access::write);
    ASSERT_TRUE(client.write(2, pattern(512)).ok());
    EXPECT_TRUE(std::equal(disk.data.begin() + 18 * 512, disk.data.begin() + 19 * 512, pattern(512).begin()));
    EXPECT_EQ(offsets, std::vector<uint64_t>{2});
    EXPECT_EQ(client.try_read(16, 1).rc, -EINVAL);
}

TEST_F(Forward, StatusComesUpThroughEveryLayer) {
    stack(10);
    Client client("layer10", Access::read);
    call_on_app_thread(
        [&] { disk.on_submit = [](bdk_bdev_io* io) { bdk_bdev_io_complete_nvme_status(io, 7, 2, 0x81); }; });
    struct Status {
        uint32_t cdw0 = 0, sct = 0, sc = 0, sk = 0, asc = 0;
        int32_t code = 0;
    } status;
    char buf[512];
    Awaited<int> done;
    auto set = done.setter();
    struct Arg {
        Status* status;
        std::function<void(int)>* set;
    } arg{&status, &set};
    call_on_app_thread([&] {
        auto cb = [](bdk_bdev_io* io, bool success, void* ctx) {
            auto* self = static_cast<Arg*>(ctx);
            EXPECT_FALSE(success);
            self->status->code = bdk_bdev_io_get_status(io);
            bdk_bdev_io_get_nvme_status(io, &self->status->cdw0, &self->status->sct, &self->status->sc);
            bdk_bdev_io_get_scsi_status(io, nullptr, &self->status->sk, &self->status->asc, nullptr);
            bdk_bdev_free_io(io);
            (*self->set)(0);
        };
        ASSERT_EQ(bdk_bdev_read_blocks(client.desc(), client.channel(), buf, 0, 1, nullptr, cb, &arg), 0);
    });
    done.get();
    EXPECT_EQ(status.code, BDK_BDEV_IO_STATUS_NVME_ERROR);
    EXPECT_EQ(status.cdw0, 7u);
    EXPECT_EQ(status.sct, 2u);
    EXPECT_EQ(status.sc, 0x81u);
    EXPECT_EQ(status.sk, 3u) << "a read error is a medium error in SCSI's words";
    EXPECT_EQ(status.asc, 0x11u);
    call_on_app_thread([&] { disk.on_submit = nullptr; });
}

TEST_F(Forward, NomemOfTheBaseIsRetried) {
    stack(3);
    Client client("layer3", Access::write);
    call_on_app_thread([&] { disk.nomem_answers = 3; });
    EXPECT_TRUE(client.write(0, pattern(512)).ok());
    EXPECT_EQ(disk.seen.size(), 4u);
}

TEST_F(Forward, RefusalOfTheBaseFailsTheIo) {
    stack_on("disk", "larger", 0, 128);
    Client client("larger", Access::write);
    EXPECT_EQ(client.write(64, pattern(512)).aio_errno, -EINVAL) << "beyond the end of the base";
    EXPECT_TRUE(disk.seen.empty());
    RawDisk plain("plain");
    plain.io_types =
        BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_READ) | BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_WRITE);
    call_on_app_thread([&] { ASSERT_EQ(plain.add(), 0); });
    stack_on("plain", "boaster");
    Client boaster("boaster", Access::write);
    const IoResult unmap = boaster.unmap(0, 1);
    EXPECT_EQ(unmap.rc, 0) << "the layer says that it can";
    EXPECT_EQ(unmap.status, BDK_BDEV_IO_STATUS_NVME_ERROR);
    EXPECT_EQ(unmap.nvme_sc, 1u) << "invalid opcode";
    boaster.close();
    EXPECT_EQ(host.remove("plain"), 0);
}

TEST_F(Forward, AbortReachesTheModuleThatHasTheIo) {
    for (int depth : {2, 11}) {  // within the frames, and beyond
        layers.clear();
        stack(depth);
        Client client("layer" + std::to_string(depth), Access::read);
        call_on_app_thread([&] { disk.hold = true; });
        char buf[512];
        void* token = nullptr;
        auto read = client.start(
            [&](bdk_bdev_desc* desc, bdk_io_channel* ch, bdk_bdev_io_completion_cb cb, void* arg) {
                return bdk_bdev_read_blocks(desc, ch, buf, 0, 1, nullptr, cb, arg);
            },
            &token);
        EXPECT_TRUE(client.abort(token).ok());
        EXPECT_EQ(read.get().status, BDK_BDEV_IO_STATUS_ABORTED);
        call_on_app_thread([&] { disk.hold = false; });
        client.close();
        EXPECT_EQ(host.remove("layer" + std::to_string(depth)), 0);
        for (int i = depth - 1; i > 0; i--)
            EXPECT_EQ(host.remove("layer" + std::to_string(i)), 0);
    }
}

TEST_F(Forward, ForwardingTwiceIsReported) {
    RawLayer& layer = stack_on("disk", "twice");
    Client client("twice", Access::read);
    uint64_t before = violation_count();
    call_on_app_thread([&] {
        disk.hold = true;
        layer.on_submit = [](bdk_bdev_io* io, bdk_bdev_desc* base, bdk_io_channel* ch) {
            bdk_bdev_io_forward(io, base, ch);
            bdk_bdev_io_forward(io, base, ch);
        };
    });
    char buf[512];
    auto read =
        client.start([&](bdk_bdev_desc* desc, bdk_io_channel* ch, bdk_bdev_io_completion_cb cb, void* arg) {
            return bdk_bdev_read_blocks(desc, ch, buf, 0, 1, nullptr, cb, arg);
        });
    call_on_app_thread([&] {
        disk.hold = false;
        disk.release();
    });
    EXPECT_TRUE(read.get().ok());
    EXPECT_EQ(violation_count(), before + 1);
}

TEST_F(Forward, BaseThatGoesTakesTheStackWithIt) {
    stack(4);
    Client client("layer4", Access::read);
    EXPECT_EQ(host.remove("disk"), 0);
    EXPECT_FALSE(host.exists("layer4"));
    for (const auto& layer : layers)
        EXPECT_TRUE(layer->destructed);
}

}  // namespace
}  // namespace bdk::test

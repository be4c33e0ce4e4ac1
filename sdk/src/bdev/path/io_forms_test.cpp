// SPDX-License-Identifier: BSD-3-Clause
// The types of I/O that carry more than data, through layers that shift: what comes to the disk, and what the
// client gets back.
#include <bdevkit/zone.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>

#include "support/client.hpp"
#include "support/raw_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

constexpr uint64_t zone = 64;
constexpr uint64_t disk_blocks = 1024;

/// The parameter is the number of layers, each one zone further on than the layer above. Beyond eight layers
/// another bdev_io continues.
class IoForms : public testing::TestWithParam<int> {
protected:
    IoForms() {
        host.add(&raw_disk_module);
        make_zoned(disk.bdev);
        disk.flags = disk.bdev.flags;
        call_on_app_thread([&] {
            EXPECT_EQ(disk.add(), 0);
            for (int i = 0; i < GetParam(); i++) {
                std::string base = i == 0 ? "disk" : "layer" + std::to_string(i - 1);
                layers.push_back(std::make_unique<RawLayer>("layer" + std::to_string(i), base, zone));
                make_zoned(layers.back()->bdev);
                layers.back()->num_blocks = disk_blocks - zone * uint64_t(i + 1);
                EXPECT_EQ(layers.back()->add(), 0);
            }
        });
        client = std::make_unique<Client>("layer" + std::to_string(GetParam() - 1), Access::write);
    }
    ~IoForms() override {
        call_on_app_thread([&] { disk.on_submit = nullptr; });
        client->close();
        EXPECT_EQ(host.remove("disk"), 0);
    }

    static void make_zoned(bdk_bdev& bdev) {
        bdev.flags = BDK_BDEV_ZONED;
        bdev.zone_size = zone;
    }

    using Look = std::function<void(bdk_bdev_io*)>;
    /// Submits, and lets `look` see the completed I/O, which it frees unless `keep`.
    int run(const Client::Submit& submit, const Look& look, bool keep = false) {
        struct Call {
            Look look;
            bool keep;
            std::function<void(int)> set;
        };
        Awaited<int> done;
        auto* call = new Call{look, keep, done.setter()};
        int rc = 0;
        auto cb = [](bdk_bdev_io* io, bool, void* arg) {
            std::unique_ptr<Call> self(static_cast<Call*>(arg));
            self->look(io);
            if (!self->keep) bdk_bdev_free_io(io);
            self->set(0);
        };
        call_on_app_thread([&] { rc = submit(client->desc(), client->channel(), cb, call); });
        if (rc != 0)
            delete call;
        else
            done.get();
        return rc;
    }

    void on_disk(std::function<void(bdk_bdev_io*)> fn) {
        call_on_app_thread([&] {
            disk.on_submit = [fn = std::move(fn)](bdk_bdev_io* io) {
                fn(io);
                bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_SUCCESS);
            };
        });
    }

    static void expect_success(bdk_bdev_io* io) {
        EXPECT_EQ(bdk_bdev_io_get_status(io), BDK_BDEV_IO_STATUS_SUCCESS);
    }

    uint64_t shift() const { return zone * uint64_t(GetParam()); }

    RawDisk disk{"disk", disk_blocks};
    std::vector<std::unique_ptr<RawLayer>> layers;
    TestHost host;
    std::unique_ptr<Client> client;
};

INSTANTIATE_TEST_SUITE_P(Layers, IoForms, testing::Values(1, 2, 8, 12));

TEST_P(IoForms, SeekFindsTheOffsetAsTheClientCountsIt) {
    uint64_t found = 0, asked = 0;
    on_disk([&](bdk_bdev_io* io) {
        asked = io->u.bdev.offset_blocks;
        bdk_bdev_io_set_seek_offset(io, found);
    });
    for (auto seek : {bdk_bdev_seek_data, bdk_bdev_seek_hole}) {
        uint64_t result = 0;
        auto submit = [&](auto* desc, auto* ch, auto cb, void* arg) {
            return seek(desc, ch, 3, nullptr, cb, arg);
        };
        auto look = [&](bdk_bdev_io* io) { result = bdk_bdev_io_get_seek_offset(io); };
        found = shift() + 8;
        EXPECT_EQ(run(submit, look), 0);
        EXPECT_EQ(asked, shift() + 3);
        EXPECT_EQ(result, 8u);
        found = UINT64_MAX;
        EXPECT_EQ(run(submit, look), 0);
        EXPECT_EQ(result, UINT64_MAX);
    }
}

TEST_P(IoForms, ZoneAppendTellsWhereItWent) {
    on_disk([](bdk_bdev_io* io) { bdk_bdev_io_set_append_location(io, io->u.bdev.offset_blocks + 7); });
    char data[1024] = {};
    iovec iov{data, sizeof(data)};
    uint64_t location = 0;
    EXPECT_EQ(
        run([&](auto* desc, auto* ch, auto cb,
                void* arg) { return bdk_bdev_zone_appendv(desc, ch, &iov, 1, zone, 2, nullptr, cb, arg); },
            [&](bdk_bdev_io* io) { location = bdk_bdev_io_get_append_location(io); }),
        0);
    EXPECT_EQ(location, zone + 7);
}

TEST_P(IoForms, ZoneInfoIsOfTheClientsZones) {
    on_disk([&](bdk_bdev_io* io) {
        const bdk_bdev_io_zone_mgmt_params& params = io->u.zone_mgmt;
        EXPECT_EQ(params.zone_id, shift());
        for (uint32_t i = 0; i < params.num_zones; i++) {
            const uint64_t first = params.zone_id + i * zone;
            const bdk_bdev_zone_info one{first, first + 5, zone, BDK_BDEV_ZONE_STATE_CLOSED, 2};
            bdk_bdev_io_set_zone_info(io, i, &one, sizeof(one));
        }
    });
    bdk_bdev_zone_info info[2];
    auto ask = [&](uint32_t count) {
        return run(
            [&](auto* desc, auto* ch, auto cb, void* arg) {
                return bdk_bdev_get_zone_info(desc, ch, 0, count, info, sizeof(info[0]), nullptr, cb, arg);
            },
            expect_success);
    };
    EXPECT_EQ(ask(2), 0);
    EXPECT_EQ(info[0].zone_id, 0u);
    EXPECT_EQ(info[1].zone_id, zone);
    EXPECT_EQ(info[1].write_pointer, zone + 5);
    EXPECT_EQ(info[1].capacity, zone);
    auto zones = uint32_t((disk_blocks - shift()) / zone);
    EXPECT_EQ(ask(zones + 1), -EINVAL) << "the zones beyond the end are somebody else's";
}

/// The element of a client, or of a module, of a newer ABI.
struct NewerZoneInfo {
    bdk_bdev_zone_info known;
    uint64_t more;
};

TEST_P(IoForms, ZoneInfoHasTheCallersStrideAndTellsHowManyWereFilled) {
    on_disk([&](bdk_bdev_io* io) {
        const uint64_t first = io->u.zone_mgmt.zone_id;
        const NewerZoneInfo longer{{first, first + 5, zone, BDK_BDEV_ZONE_STATE_CLOSED, 2}, 77};
        bdk_bdev_io_set_zone_info(io, 0, &longer.known, sizeof(longer));
        const bdk_bdev_zone_info known{first + zone, first + zone + 6, zone, BDK_BDEV_ZONE_STATE_CLOSED, 2};
        bdk_bdev_io_set_zone_info(io, 1, &known, sizeof(known));
        bdk_bdev_io_set_zone_info(io, 3, &known, sizeof(known));  // nobody asked for a fourth
        bdk_bdev_io_set_zone_info(io, 2, &known, 8);              // no ABI has such a one
    });
    uint32_t filled = 0;
    const auto ask = [&](auto* info, uint32_t size) {
        return run(
            [&](auto* desc, auto* ch, auto cb, void* arg) {
                auto* first = reinterpret_cast<bdk_bdev_zone_info*>(info);
                return bdk_bdev_get_zone_info(desc, ch, 0, 3, first, size, nullptr, cb, arg);
            },
            [&](bdk_bdev_io* io) { filled = bdk_bdev_io_get_num_zones(io); });
    };
    NewerZoneInfo longer[3];
    std::memset(longer, 0xee, sizeof(longer));
    EXPECT_EQ(ask(longer, sizeof(longer[0])), 0);
    EXPECT_EQ(filled, 2u);
    EXPECT_EQ(longer[0].known.zone_id, 0u);
    EXPECT_EQ(longer[0].more, 77u) << "both know it";
    EXPECT_EQ(longer[1].known.write_pointer, zone + 6);
    EXPECT_EQ(longer[1].more, 0u) << "the module does not know it";
    EXPECT_EQ(longer[2].more, 0xeeeeeeeeeeeeeeeeu) << "not filled";

    bdk_bdev_zone_info known[4];
    std::memset(known, 0xee, sizeof(known));
    EXPECT_EQ(ask(known, sizeof(known[0])), 0);
    EXPECT_EQ(known[1].zone_id, zone) << "the module's element is longer";
    for (const uint32_t wrong : {0u, 24u, 36u, 8192u})
        EXPECT_EQ(ask(known, wrong), -EINVAL) << wrong;
}

TEST_P(IoForms, OnlyAZoneAppendHasALocation) {
    uint64_t at = 0;
    on_disk([&](bdk_bdev_io* io) {
        bdk_bdev_io_set_append_location(io, 500);
        at = io->u.bdev.offset_blocks;
    });
    client->try_read(3, 1);
    EXPECT_EQ(at, shift() + 3);
}

TEST_P(IoForms, ZoneManagementGoesToTheZone) {
    uint64_t zone_id = 0;
    uint32_t action = 0;
    on_disk([&](bdk_bdev_io* io) {
        zone_id = io->u.zone_mgmt.zone_id;
        action = io->u.zone_mgmt.zone_action;
    });
    auto manage = [&](uint64_t at) {
        return run(
            [&](auto* desc, auto* ch, auto cb, void* arg) {
                return bdk_bdev_zone_management(desc, ch, at, BDK_BDEV_ZONE_FINISH, nullptr, cb, arg);
            },
            expect_success);
    };
    EXPECT_EQ(manage(zone), 0);
    EXPECT_EQ(zone_id, shift() + zone);
    EXPECT_EQ(action, uint32_t{BDK_BDEV_ZONE_FINISH});
    EXPECT_EQ(manage(zone + 1), -EINVAL);
    EXPECT_EQ(manage(disk_blocks - shift()), -EINVAL);
}

TEST_P(IoForms, NvmeCommandsComeAsTheyWere) {
    uint8_t cmd[64];
    for (int i = 0; i < 64; i++)
        cmd[i] = uint8_t(i * 3);
    char data[512], md[16];
    iovec iovs[] = {{data, 100}, {data + 100, 412}};
    bdk_bdev_io_nvme_passthru_params came{};
    uint32_t type = 0;
    call_on_app_thread([&] {
        disk.on_submit = [&](bdk_bdev_io* io) {
            came = io->u.nvme_passthru;
            type = io->type;
            bdk_bdev_io_complete_nvme_status(io, 77, 0, 0);
        };
    });
    auto expect_came = [&](uint32_t wanted, const Client::Submit& submit) {
        came = {};
        uint32_t cdw0 = 0, sct = 1, sc = 1;
        EXPECT_EQ(run(submit, [&](bdk_bdev_io* io) { bdk_bdev_io_get_nvme_status(io, &cdw0, &sct, &sc); }),
                  0);
        EXPECT_EQ(type, wanted);
        EXPECT_EQ(std::memcmp(came.cmd, cmd, sizeof(cmd)), 0);
        EXPECT_EQ(came.nbytes, sizeof(data));
        EXPECT_EQ(cdw0, 77u);
        EXPECT_EQ(sct + sc, 0u);
    };
    expect_came(BDK_BDEV_IO_TYPE_NVME_ADMIN, [&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_nvme_admin_passthru(desc, ch, cmd, data, sizeof(data), nullptr, cb, arg);
    });
    EXPECT_EQ(came.buf, data);
    expect_came(BDK_BDEV_IO_TYPE_NVME_IO, [&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_nvme_io_passthru(desc, ch, cmd, data, sizeof(data), nullptr, cb, arg);
    });
    EXPECT_EQ(came.buf, data);
    expect_came(BDK_BDEV_IO_TYPE_NVME_IO_MD, [&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_nvme_io_passthru_md(desc, ch, cmd, data, sizeof(data), md, sizeof(md), nullptr, cb,
                                            arg);
    });
    EXPECT_EQ(came.md_buf, md);
    EXPECT_EQ(came.md_nbytes, sizeof(md));
    expect_came(BDK_BDEV_IO_TYPE_NVME_IOV_MD, [&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_nvme_iov_passthru_md(desc, ch, cmd, iovs, 2, sizeof(data), md, sizeof(md), nullptr,
                                             cb, arg);
    });
    EXPECT_EQ(came.iovs, iovs);
    EXPECT_EQ(came.iovcnt, 2);
}

TEST_P(IoForms, ZcopyLendsTheDisksMemory) {
    std::vector<uint32_t> flags;
    on_disk([&](bdk_bdev_io* io) {
        flags.push_back(io->u.bdev.flags);
        EXPECT_EQ(io->u.bdev.offset_blocks, shift() + 5);
        if ((io->u.bdev.flags & BDK_BDEV_IO_ZCOPY_START) != 0)
            bdk_bdev_io_set_buf(io, disk.data.data() + io->u.bdev.offset_blocks * 512, 2 * 512);
    });
    bdk_bdev_io* started = nullptr;
    EXPECT_EQ(run([&](auto* desc, auto* ch, auto cb,
                      void* arg) { return bdk_bdev_zcopy_start(desc, ch, 5, 2, true, nullptr, cb, arg); },
                  [&](bdk_bdev_io* io) { started = io; }, true),
              0);
    iovec* iovs = nullptr;
    int32_t count = 0;
    bdk_bdev_io_get_iovec(started, &iovs, &count);
    ASSERT_EQ(count, 1);
    EXPECT_EQ(iovs[0].iov_base, disk.data.data() + (shift() + 5) * 512);
    EXPECT_EQ(iovs[0].iov_len, 2u * 512);
    EXPECT_EQ(run([&](auto*, auto*, auto cb,
                      void* arg) { return bdk_bdev_zcopy_end(started, true, nullptr, cb, arg); },
                  [](bdk_bdev_io* io) {
                      const auto again = [](bdk_bdev_io*, bool, void*) { ADD_FAILURE() << "ended twice"; };
                      EXPECT_EQ(bdk_bdev_zcopy_end(io, true, nullptr, again, nullptr), -EINVAL);
                  }),
              0);
    EXPECT_EQ(flags, (std::vector<uint32_t>{BDK_BDEV_IO_ZCOPY_START | BDK_BDEV_IO_ZCOPY_POPULATE,
                                            BDK_BDEV_IO_ZCOPY_COMMIT}));
}

TEST_P(IoForms, CopyHasBothItsEndsShifted) {
    on_disk([&](bdk_bdev_io* io) {
        if (io->type != BDK_BDEV_IO_TYPE_COPY) return;
        EXPECT_EQ(io->u.bdev.offset_blocks, shift() + 20);
        EXPECT_EQ(io->u.bdev.src_offset_blocks, shift() + 4);
        EXPECT_EQ(io->u.bdev.num_blocks, 6u);
    });
    EXPECT_TRUE(client->copy(20, 4, 6).ok());
    EXPECT_EQ(client->copy(0, disk_blocks - shift() - 5, 6).rc, -EINVAL);
}

TEST_P(IoForms, ReadWithoutBufferGetsOneFromBelow) {
    Client::Data data = pattern(3 * 512);
    std::copy(data.begin(), data.end(), disk.data.begin() + std::ptrdiff_t((shift() + 1) * 512));
    call_on_app_thread([&] {
        disk.on_submit = [](bdk_bdev_io* io) {
            auto ready = [](bdk_io_channel*, bdk_bdev_io* reader, bool) {
                auto* self = static_cast<RawDisk*>(reader->bdev->ctxt);
                std::memcpy(reader->u.bdev.iovs[0].iov_base,
                            self->data.data() + reader->u.bdev.offset_blocks * 512, 3 * 512);
                bdk_bdev_io_complete(reader, BDK_BDEV_IO_STATUS_SUCCESS);
            };
            bdk_bdev_io_get_buf(io, ready, 3 * 512);
        };
    });
    EXPECT_EQ(client->read_without_buffer(1, 3).data, data);
}

TEST(SeekInAPartition, WhatLiesBehindItsEndIsNotFound) {
    RawDisk disk("disk");
    RawLayer part("part", "disk");
    part.num_blocks = 16;
    TestHost host;
    host.add(&raw_disk_module);
    call_on_app_thread([&] {
        ASSERT_EQ(disk.add(), 0);
        ASSERT_EQ(part.add(), 0);
        disk.on_submit = [](bdk_bdev_io* io) {
            bdk_bdev_io_set_seek_offset(io, 16);
            bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_SUCCESS);
        };
    });
    {
        Client client("part", Access::read);
        static uint64_t found;
        Awaited<int> done;
        auto set = done.setter();
        call_on_app_thread([&] {
            auto cb = [](bdk_bdev_io* io, bool, void* arg) {
                found = bdk_bdev_io_get_seek_offset(io);
                bdk_bdev_free_io(io);
                (*static_cast<std::function<void(int)>*>(arg))(0);
            };
            ASSERT_EQ(bdk_bdev_seek_data(client.desc(), client.channel(), 0, nullptr, cb, &set), 0);
        });
        done.get();
        EXPECT_EQ(found, UINT64_MAX);
    }
    EXPECT_EQ(host.remove("disk"), 0);
}

}  // namespace
}  // namespace bdk::test

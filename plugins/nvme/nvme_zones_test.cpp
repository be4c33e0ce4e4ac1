// SPDX-License-Identifier: BSD-3-Clause
// Zoned namespaces in the nvme module: what identify data say, and a bdev on a transport made of memory,
// whose namespace has zones. Real ones are in a virtual machine: tests/vm.
#include <bdevkit/zone.h>
#include <gtest/gtest.h>
#include <nvme/types.h>

#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "namespace_bdev.hpp"
#include "support/client.hpp"
#include "support/log_capture.hpp"
#include "support/test_host.hpp"

namespace {

using namespace nvme;
using bdevkit::Io;

constexpr uint64_t zone_size = 64, zone_capacity = 48, zone_count = 300;

/// A namespace of zones, as far as the tests write to it.
class ModelNamespace {
public:
    struct Zone {
        uint64_t written = 0;
        uint8_t state = NVME_ZNS_ZS_EMPTY;
    };

    Status run(const Request& request) {
        const Command& command = request.command;
        commands.push_back(command);
        Zone& zone = zones[block(command) / zone_size];
        switch (command.opcode) {
            case nvme_zns_cmd_mgmt_recv:
                return report(request);
            case nvme_zns_cmd_mgmt_send:
                zone = command.cdw13 == NVME_ZNS_ZSA_RESET  ? Zone{}
                       : command.cdw13 == NVME_ZNS_ZSA_OPEN ? Zone{zone.written, NVME_ZNS_ZS_EXPL_OPEN}
                                                            : Zone{~0ull, NVME_ZNS_ZS_FULL};
                return {};
            case nvme_zns_cmd_append: {
                const uint64_t place = block(command) + zone.written;
                zone.written += (command.cdw12 & 0xffff) + 1;
                zone.state = NVME_ZNS_ZS_IMPL_OPEN;
                return {.result = place};
            }
            default:
                return {.code = NVME_SCT_CMD_SPECIFIC << 8 | NVME_SC_ZNS_INVALID_WRITE};
        }
    }

    std::map<uint64_t, Zone> zones;
    std::vector<Command> commands;
    uint64_t hides = 0;  ///< zones that no report has

private:
    static uint64_t block(const Command& command) { return command.cdw10 | uint64_t(command.cdw11) << 32; }

    Status report(const Request& request) {
        const Command& command = request.command;
        EXPECT_EQ((command.cdw12 + 1) * 4, request.data.bytes);
        EXPECT_EQ(command.cdw13, 1u << 16);  // a partial report of all zones
        auto* at = static_cast<std::byte*>(request.data.buf);
        std::memset(at, 0xee, request.data.bytes);
        const uint64_t first = block(command) / zone_size;
        const uint64_t room = (request.data.bytes - 64) / 64;
        nvme_zone_report head{};
        head.nr_zones = std::min(room, zone_count - hides - first);
        std::memcpy(at, &head, sizeof(head));
        for (uint64_t i = 0; i < head.nr_zones; i++) {
            const Zone& zone = zones[first + i];
            nvme_zns_desc told{};
            told.zt = NVME_ZONE_TYPE_SEQWRITE_REQ;
            told.zs = uint8_t(zone.state << 4);
            told.zcap = zone_capacity;
            told.zslba = (first + i) * zone_size;
            told.wp = zone.written == ~0ull ? ~0ull : told.zslba + zone.written;
            std::memcpy(at + 64 + i * 64, &told, sizeof(told));
        }
        return {};
    }
};

ModelNamespace* model = nullptr;
Zones zones_told{.size = zone_size, .max_open = 3, .max_active = 5, .max_append = 8192};

class ModelQueue final : public Queue {
public:
    bool submit(Io io, const Request& request, bool) override {
        on_command_ended(io, model->run(request));
        return true;
    }
    void drain(bdk_io_channel_iter* walk) override { bdk_for_each_channel_continue(walk, 0); }
};

class ModelController final : public Controller {
public:
    ModelController() {
        namespaces_ = {{.id = 1, .blocks = zone_count * zone_size, .block_size = 512, .zones = zones_told}};
    }
    Limits limits(const Namespace&) const override { return {.max_transfer = 4096}; }
    std::unique_ptr<Queue> open_queue(uint32_t) override { return std::make_unique<ModelQueue>(); }
    void admin(const Request& request, std::function<void(const AdminEnd&)> done) override {
        const Status status = model->run(request);
        done({.sct = status.sct(), .sc = status.sc()});
    }
    void dump_info(bdevkit::Json, const Namespace&) const override {}
};

struct ModelNvme {
    using IoContext = nvme::IoContext;
    static int create(bdk_create*, const char* name, const auto&) {
        return std::make_shared<NamespaceBdevs>(name, "model", "", std::make_shared<ModelController>())
            ->make_all();
    }
};

}  // namespace

BDEVKIT_MODULE(ModelNvme, .name = "model");

namespace {

using bdk::test::Access, bdk::test::Client, bdk::test::IoResult;

struct ZonedBdev : testing::Test {
    ZonedBdev() {
        model = &controller;
        host.add(&bdk_own_module);
        EXPECT_EQ(host.create("model", "Nvme0"), 0);
        client = std::make_unique<Client>("Nvme0n1", Access::write);
    }
    ~ZonedBdev() override {
        client.reset();
        EXPECT_EQ(host.remove("Nvme0n1"), 0);
    }

    IoResult report(uint64_t zone, std::vector<bdk_bdev_zone_info>& zones) {
        return client->run([&, zone](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_get_zone_info(desc, ch, zone, uint32_t(zones.size()), zones.data(),
                                          sizeof(bdk_bdev_zone_info), nullptr, cb, arg);
        });
    }
    IoResult manage(uint64_t zone, uint32_t action) {
        return client->run([=](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_zone_management(desc, ch, zone, action, nullptr, cb, arg);
        });
    }
    IoResult append(uint64_t zone, uint64_t blocks) {
        return client->run([&, zone, blocks](auto* desc, auto* ch, auto cb, void* arg) {
            piece.iov_len = blocks * 512;
            return bdk_bdev_zone_appendv(desc, ch, &piece, 1, zone, blocks, nullptr, cb, arg);
        });
    }

    ModelNamespace controller;
    bdk::test::TestHost host;
    std::unique_ptr<Client> client;
    std::vector<std::byte> data = std::vector<std::byte>(65536);
    iovec piece{data.data(), 0};
};

TEST_F(ZonedBdev, SaysWhatItsZonesAreLike) {
    const bdk_bdev* bdev = client->bdev();
    EXPECT_TRUE(bdk_bdev_is_zoned(bdev));
    EXPECT_EQ(bdk_bdev_get_zone_size(bdev), zone_size);
    const auto told = host.info("Nvme0n1")["driver_specific"];
    EXPECT_EQ(told["max_open_zones"], 3);
    EXPECT_EQ(told["max_active_zones"], 5);
    EXPECT_EQ(told["max_zone_append_size"], 8) << "in blocks: no more than the transport transfers at once";
    EXPECT_TRUE(client->supports(BDK_BDEV_IO_TYPE_ZONE_APPEND));
}

/// The transport takes 63 descriptors at a time.
TEST_F(ZonedBdev, AReportOfAnyNumberOfZonesTakesFewCommands) {
    for (uint64_t zone = 0; zone < zone_count; zone++)
        controller.zones[zone] = {zone % zone_capacity, NVME_ZNS_ZS_CLOSED};
    for (const uint64_t count : {1, 2, 3, 4, 5, 17, 299}) {
        controller.commands.clear();
        std::vector<bdk_bdev_zone_info> zones(count);
        ASSERT_TRUE(report(zone_size, zones).ok());
        for (uint64_t i = 0; i < count; i++) {
            ASSERT_EQ(zones[i].zone_id, (1 + i) * zone_size) << count;
            ASSERT_EQ(zones[i].write_pointer, zones[i].zone_id + (1 + i) % zone_capacity) << count;
            ASSERT_EQ(zones[i].capacity, zone_capacity);
            ASSERT_EQ(zones[i].state, uint32_t{BDK_BDEV_ZONE_STATE_CLOSED});
            ASSERT_EQ(zones[i].type, 2u);
        }
        EXPECT_LE(controller.commands.size(), 14u) << count;
    }
}

TEST_F(ZonedBdev, EachStateIsTold) {
    const std::pair<uint8_t, uint32_t> states[] = {
        {NVME_ZNS_ZS_EMPTY, BDK_BDEV_ZONE_STATE_EMPTY},
        {NVME_ZNS_ZS_IMPL_OPEN, BDK_BDEV_ZONE_STATE_IMP_OPEN},
        {NVME_ZNS_ZS_EXPL_OPEN, BDK_BDEV_ZONE_STATE_EXP_OPEN},
        {NVME_ZNS_ZS_CLOSED, BDK_BDEV_ZONE_STATE_CLOSED},
        {NVME_ZNS_ZS_READ_ONLY, BDK_BDEV_ZONE_STATE_READ_ONLY},
        {NVME_ZNS_ZS_FULL, BDK_BDEV_ZONE_STATE_FULL},
        {NVME_ZNS_ZS_OFFLINE, BDK_BDEV_ZONE_STATE_OFFLINE},
    };
    const auto takes_writes = [](uint32_t state) {
        return state != BDK_BDEV_ZONE_STATE_READ_ONLY && state != BDK_BDEV_ZONE_STATE_FULL &&
               state != BDK_BDEV_ZONE_STATE_OFFLINE;
    };
    for (size_t i = 0; i < std::size(states); i++)
        controller.zones[i] = {takes_writes(states[i].second) ? 5 : ~0ull, states[i].first};
    std::vector<bdk_bdev_zone_info> zones(std::size(states));
    ASSERT_TRUE(report(0, zones).ok());
    for (size_t i = 0; i < zones.size(); i++) {
        EXPECT_EQ(zones[i].state, states[i].second);
        EXPECT_EQ(zones[i].write_pointer,
                  i * zone_size + (takes_writes(states[i].second) ? 5 : zone_capacity))
            << i;
    }
}

TEST_F(ZonedBdev, AReportWithTooFewZonesIsAnError) {
    bdk::test::LogCapture log;
    controller.hides = 10;
    std::vector<bdk_bdev_zone_info> zones(zone_count);
    EXPECT_EQ(report(0, zones).aio_errno, -EIO);
    EXPECT_TRUE(log.has({"describes fewer zones"}));
}

TEST_F(ZonedBdev, AppendsTellWhereTheyWent) {
    uint64_t found = 0;
    for (const uint64_t expected : {0, 3}) {
        bdk::test::Awaited<bool> ended;
        struct Call {
            uint64_t& found;
            std::function<void(bool)> done;
        } call{found, ended.setter()};
        piece.iov_len = 3 * 512;
        bdk::call_on_app_thread([&] {
            ASSERT_EQ(bdk_bdev_zone_appendv(
                          client->desc(), client->channel(), &piece, 1, 2 * zone_size, 3, nullptr,
                          [](bdk_bdev_io* io, bool success, void* arg) {
                              auto* self = static_cast<Call*>(arg);
                              self->found = bdk_bdev_io_get_append_location(io);
                              bdk_bdev_free_io(io);
                              self->done(success);
                          },
                          &call),
                      0);
        });
        EXPECT_TRUE(ended.get());
        EXPECT_EQ(found, 2 * zone_size + expected);
    }
    EXPECT_EQ(append(0, 9).rc, -EINVAL) << "an append is never split";
}

TEST_F(ZonedBdev, ManagementChangesStates) {
    EXPECT_TRUE(manage(zone_size, BDK_BDEV_ZONE_OPEN).ok());
    EXPECT_EQ(controller.zones[1].state, NVME_ZNS_ZS_EXPL_OPEN);
    EXPECT_TRUE(manage(zone_size, BDK_BDEV_ZONE_FINISH).ok());
    EXPECT_EQ(controller.zones[1].state, NVME_ZNS_ZS_FULL);
    EXPECT_TRUE(manage(zone_size, BDK_BDEV_ZONE_RESET).ok());
    EXPECT_EQ(controller.zones[1].state, NVME_ZNS_ZS_EMPTY);
}

TEST_F(ZonedBdev, RefusalsKeepTheirStatus) {
    const IoResult written = client->write(5, std::vector<std::byte>(512));
    EXPECT_EQ(written.nvme_sct, uint32_t{NVME_SCT_CMD_SPECIFIC});
    EXPECT_EQ(written.nvme_sc, uint32_t{NVME_SC_ZNS_INVALID_WRITE});
}

TEST_F(ZonedBdev, ReadsAreCutAtZonesWhereTheyMayNotCrossThem) {
    client->try_read(zone_size - 2, 4);
    ASSERT_EQ(controller.commands.size(), 2u);
    EXPECT_EQ(controller.commands[1].cdw10, zone_size);
}

TEST(ZonedCommands, WhatMovesAWritePointerIsNotRepeated) {
    bdk_bdev bdev{};
    bdk_bdev_io io{};
    io.bdev = &bdev;
    io.type = BDK_BDEV_IO_TYPE_WRITE;
    EXPECT_TRUE(is_repeatable(Io(&io)));
    bdev.flags = BDK_BDEV_ZONED;
    EXPECT_FALSE(is_repeatable(Io(&io)));
    io.type = BDK_BDEV_IO_TYPE_ZONE_APPEND;
    EXPECT_FALSE(is_repeatable(Io(&io)));
    io.type = BDK_BDEV_IO_TYPE_GET_ZONE_INFO;
    EXPECT_TRUE(is_repeatable(Io(&io)));
}

TEST(ZonedCommands, AppendsHaveTheirReferenceTagsMadeThoseOfThePlace) {
    Namespace ns{.id = 1, .block_size = 512, .pi_type = 1};
    nvme::IoContext context;
    bdk_bdev_io io{};
    io.type = BDK_BDEV_IO_TYPE_ZONE_APPEND;
    io.u.bdev.offset_blocks = 128;
    io.u.bdev.num_blocks = 2;
    const Command command = request_of(Io(&io), ns, context).command;
    EXPECT_EQ(command.cdw12, 1u << 25 | 1u);
    EXPECT_EQ(command.cdw14, 128u);
}

// ---- identify data ----

template <class Data>
IdentifyData bytes_of(const Data& data) {
    return std::as_bytes(std::span<const Data, 1>(&data, 1));
}

TEST(ZonedIdentify, LimitsAreOneLessThanTheirNumberAndAllOnesForNone) {
    nvme_zns_id_ns zoned{};
    zoned.mor = 11;
    zoned.mar = UINT32_MAX;
    zoned.ozcs = 1;
    zoned.lbafe[2].zsze = 4096;
    nvme_zns_id_ctrl limit{};
    limit.zasl = 3;
    const Zones zones = parse_zones(Namespace{.format = 2}, bytes_of(zoned), bytes_of(limit), 4096);
    EXPECT_EQ(zones.size, 4096u);
    EXPECT_EQ(zones.max_open, 12u);
    EXPECT_EQ(zones.max_active, 0u);
    EXPECT_EQ(zones.max_append, 32768u);
    EXPECT_TRUE(zones.crossed_by_reads);
}

/// A controller of a namespace with the descriptors given.
struct Identify : testing::Test {
    std::array<std::byte, 4096> descriptors{};
    Identity controller{.lists_identifiers = true};
    std::vector<uint32_t> asked;

    void list(size_t at, uint8_t type, uint8_t length, uint8_t value) {
        descriptors[at] = std::byte(type);
        descriptors[at + 1] = std::byte(length);
        descriptors[at + 4] = std::byte(value);
    }
    std::optional<Namespace> identify() {
        return identify_namespace(
            "model", controller, 1, 4096,
            [this](uint32_t cns, uint32_t csi, uint32_t, std::span<std::byte, 4096> data) {
                asked.push_back(cns | csi << 24);
                std::ranges::fill(data, std::byte{0});
                if (cns == NVME_IDENTIFY_CNS_NS_DESC_LIST) std::ranges::copy(descriptors, data.begin());
                nvme_id_ns ns{};
                ns.nsze = 1000;
                ns.lbaf[0].ds = 9;
                if (cns == NVME_IDENTIFY_CNS_NS) std::memcpy(data.data(), &ns, sizeof(ns));
                nvme_zns_id_ns zoned{};
                zoned.lbafe[0].zsze = 100;
                if (cns == NVME_IDENTIFY_CNS_CSI_NS) std::memcpy(data.data(), &zoned, sizeof(zoned));
                return Status{};
            });
    }
};

TEST_F(Identify, TheDescriptorsTellOfZones) {
    list(0, NVME_NIDT_NGUID, 16, 7);
    list(20, NVME_NIDT_CSI, 1, NVME_CSI_ZNS);
    const auto ns = identify();
    ASSERT_TRUE(ns);
    EXPECT_EQ(ns->zones.size, 100u);
    EXPECT_EQ(asked, (std::vector<uint32_t>{3, 0, 5 | 2u << 24, 6 | 2u << 24}));
}

TEST_F(Identify, OneThatListsNothingHasBlocksAlone) {
    ASSERT_TRUE(identify());
    EXPECT_EQ(identify()->zones.size, 0u);
    list(0, NVME_NIDT_CSI, 1, NVME_CSI_ZNS);
    controller.lists_identifiers = false;
    EXPECT_EQ(identify()->zones.size, 0u);
}

TEST_F(Identify, KeysAndValuesAreNoBdev) {
    bdk::test::LogCapture log;
    list(0, NVME_NIDT_CSI, 1, NVME_CSI_KV);
    EXPECT_FALSE(identify());
    EXPECT_TRUE(log.has({"neither NVM (blocks) nor ZNS (zones)"}));
}

TEST_F(Identify, AListThatEndsInTheMiddleIsRead) {
    for (size_t at = 0; at < descriptors.size(); at += 20)
        list(at, NVME_NIDT_NGUID, 16, 0);
    EXPECT_TRUE(identify());
}

}  // namespace

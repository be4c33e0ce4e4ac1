// SPDX-License-Identifier: BSD-3-Clause
// Compare-and-write as two fused commands: how they look, lie in the queue, and end. qemu's controllers have
// none, so that a model is all that there is to try it with.
#include <gtest/gtest.h>
#include <nvme/types.h>

#include <cstring>

#include "../command.hpp"
#include "flights.hpp"
#include "queue_pair.hpp"

namespace {

using namespace nvme;
using namespace nvme::pcie;

constexpr Status compare_failure{.code = NVME_SCT_MEDIA << 8 | NVME_SC_COMPARE_FAILED};
constexpr Status failed_fused{.code = NVME_SC_FUSED_FAIL};
constexpr Status write_fault{.code = NVME_SCT_MEDIA << 8 | NVME_SC_WRITE_FAULT};

/// A controller that carries out fused commands on one block: whether the first of a pair is followed by the
/// second, under one doorbell, is what it looks at.
struct FusedTest : testing::Test {
    static constexpr uint32_t depth = 4;
    static constexpr uint64_t iova = 1ull << 32;
    std::vector<Command> commands = std::vector<Command>(depth);
    std::vector<Completion> completions = std::vector<Completion>(depth);
    volatile uint32_t sq_doorbell = 0, cq_doorbell = 0;
    QueuePair pair{depth, {commands.data(), completions.data(), &sq_doorbell, &cq_doorbell}};
    std::vector<std::byte> memory = std::vector<std::byte>(16 * page_size);
    PagePool pool{memory.data(), iova, 16};
    Flights flights{depth - 1};
    std::vector<std::byte> block = std::vector<std::byte>(512);

    std::vector<std::byte> expected = std::vector<std::byte>(512),
                           data = std::vector<std::byte>(512, std::byte{9});
    iovec expected_piece{expected.data(), 512}, data_piece{data.data(), 512};
    bdk_bdev_io io{};
    uint32_t head = 0, tail = 0;
    uint16_t phase = 1;

    /// As the channel does.
    void submit() {
        io.u.bdev.iovs = &expected_piece;
        io.u.bdev.fused_iovs = &data_piece;
        io.u.bdev.iovcnt = io.u.bdev.fused_iovcnt = 1;
        io.u.bdev.offset_blocks = 70;
        io.u.bdev.num_blocks = 1;
        const auto [compare, write] =
            fused_requests_of(bdevkit::Io(&io), Namespace{.id = 1, .block_size = 512});
        const uint16_t first = begin(compare), second = begin(write);
        flights.fuse(first, second);
    }
    uint16_t begin(const Request& request) {
        Command command = request.command;
        const uint16_t cid = pair.next_cid();
        EXPECT_TRUE(flights[cid].transfer.begin(pool, request, command, true));
        flights.begin(cid, &io, 0);
        return pair.submit(command);
    }

    void complete(uint16_t cid, const Status& status) {
        completions[tail].cid = cid;
        completions[tail].status = uint16_t(status.code << 1 | phase);
        tail = (tail + 1) % depth;
        if (tail == 0) phase ^= 1;
    }
    /// The controller's turn.
    void run() {
        ASSERT_EQ((sq_doorbell + depth - head) % depth, 2u);
        const Command first = commands[head], second = commands[(head + 1) % depth];
        head = sq_doorbell;
        ASSERT_EQ(first.opcode, nvme_cmd_compare);
        ASSERT_EQ(first.flags, 1);
        ASSERT_EQ(second.opcode, nvme_cmd_write);
        ASSERT_EQ(second.flags, 2);
        ASSERT_EQ(first.cdw10, 70u);
        ASSERT_EQ(second.cdw10, 70u);
        const bool equal = std::memcmp(&memory[first.dptr[0] - iova], block.data(), 512) == 0;
        complete(first.cid, equal ? Status{} : compare_failure);
        if (equal) std::memcpy(block.data(), &memory[second.dptr[0] - iova], 512);
        complete(second.cid, equal ? Status{} : failed_fused);
    }
    /// What the I/O has ended with; nothing while it has not.
    std::optional<Status> ended() {
        std::optional<Status> found;
        pair.poll([&](uint16_t cid, Status status) {
            const Flights::End end = flights.end(cid, pool, status);
            if (end.io == nullptr) return;
            EXPECT_FALSE(found) << "twice";
            EXPECT_EQ(end.io, &io);
            found = end.status;
        });
        return found;
    }
};

TEST_F(FusedTest, WritesWhatWasExpectedAndLeavesTheRest) {
    for (int round = 0; round < 10; round++) {
        expected = block;
        data.assign(512, std::byte(round + 1));
        data_piece.iov_base = data.data();
        expected_piece.iov_base = expected.data();
        submit();
        EXPECT_EQ(sq_doorbell, head) << "neither is told alone";
        pair.ring();
        run();
        const auto status = ended();
        ASSERT_TRUE(status);
        EXPECT_TRUE(status->success());
        EXPECT_EQ(block, data);
        submit();  // expects what was there before
        pair.ring();
        run();
        const auto refused = ended();
        ASSERT_TRUE(refused);
        EXPECT_EQ(refused->code, compare_failure.code);
        EXPECT_EQ(pool.available(), 16u);
    }
}

TEST_F(FusedTest, TheCauseIsToldInWhateverOrderTheyEnd) {
    const Status success;
    const struct {
        Status compare, write;
        bool write_first;
        Status told;
    } ends[] = {
        {compare_failure, failed_fused, false, compare_failure},
        {compare_failure, failed_fused, true, compare_failure},
        {success, write_fault, false, write_fault},
        {failed_fused, write_fault, true, write_fault},
        {success, success, true, success},
    };
    for (const auto& end : ends) {
        const uint16_t first = pair.next_cid();
        submit();
        const uint16_t second = *flights[first].partner;
        pair.ring();
        complete(end.write_first ? second : first, end.write_first ? end.write : end.compare);
        EXPECT_FALSE(ended()) << "the other is in flight";
        EXPECT_EQ(flights.find(&io), end.write_first ? first : second);
        complete(end.write_first ? first : second, end.write_first ? end.compare : end.write);
        const auto status = ended();
        ASSERT_TRUE(status);
        EXPECT_EQ(status->code, end.told.code);
        EXPECT_FALSE(flights.find(&io));
    }
}

TEST_F(FusedTest, AnIdentifierIsUsedAgainWhileThePartnerIsInFlight) {
    const uint16_t first = pair.next_cid();
    submit();
    const uint16_t second = *flights[first].partner;
    complete(first, compare_failure);
    EXPECT_FALSE(ended());
    bdk_bdev_io another{};
    ASSERT_EQ(pair.next_cid(), first);
    flights.begin(pair.submit({.opcode = nvme_cmd_flush}), &another, 0);
    complete(second, failed_fused);
    EXPECT_EQ(ended()->code, compare_failure.code);
    EXPECT_EQ(flights[first].io, &another);
}

TEST_F(FusedTest, AResetEndsTheIoOnce) {
    const uint16_t first = pair.next_cid();
    submit();
    flights[first].late = true;
    int ends = 0;
    pair.end_all([&](uint16_t cid) {
        const Flights::End end = flights.end(cid, pool, failed_fused);
        if (end.io == nullptr) return;
        ends++;
        EXPECT_TRUE(end.late);
    });
    EXPECT_EQ(ends, 1);
    EXPECT_EQ(pool.available(), 16u);
}

TEST(FusedIdentify, TheLongestIsTheNamespacesOrElseTheControllers) {
    nvme_id_ctrl controller{};
    controller.acwu = 7;
    const auto bytes = [](const auto& data) {
        return std::as_bytes(std::span<std::remove_reference_t<decltype(data)>, 1>(&data, 1));
    };
    EXPECT_EQ(parse_identity(bytes(controller), 4096).max_fused, 0u) << "it has none";
    controller.fuses = NVME_CTRL_FUSES_COMPARE_AND_WRITE;
    EXPECT_EQ(parse_identity(bytes(controller), 4096).max_fused, 8u);
    nvme_id_ns ns{};
    EXPECT_EQ(parse_namespace(1, bytes(ns)).max_fused, 0u);
    ns.nacwu = 15;
    EXPECT_EQ(parse_namespace(1, bytes(ns)).max_fused, 16u);
}

}  // namespace

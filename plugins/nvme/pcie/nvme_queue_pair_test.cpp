// SPDX-License-Identifier: BSD-3-Clause
// The queues of the nvme module's PCIe transport, with a controller made of memory: the code is the one that
// drives a real one, which sees the same entries and doorbells.
#include "queue_pair.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nvme/types.h>

#include <cstring>
#include <optional>
#include <vector>

#include "transfer.hpp"

namespace {

using namespace nvme;
using namespace nvme::pcie;
using testing::ElementsAre;

/// Takes commands where the doorbell says that there are, and completes them in any order.
class ModelController {
public:
    explicit ModelController(uint32_t depth) : depth_(depth), commands_(depth), completions_(depth) {}

    QueuePair::Memory memory() {
        return {commands_.data(), completions_.data(), &sq_doorbell_, &cq_doorbell_};
    }

    /// The next command that it has been told of.
    std::optional<Command> fetch() {
        if (head_ == sq_doorbell_) return {};
        const Command command = commands_[head_];
        head_ = (head_ + 1) % depth_;
        return command;
    }

    void complete(uint16_t cid, uint16_t status = 0, uint32_t result = 0) {
        ASSERT_NE((tail_ + 1) % depth_, cq_doorbell_) << "the completion queue is full";
        volatile Completion& entry = completions_[tail_];
        entry.result = result;
        entry.sq_head = uint16_t(head_);
        entry.cid = cid;
        entry.status = uint16_t(status << 1 | phase_);
        tail_ = (tail_ + 1) % depth_;
        if (tail_ == 0) phase_ ^= 1;
    }

    /// Stops and starts again. What it has written stays where it is.
    void reset() {
        sq_doorbell_ = 0;
        cq_doorbell_ = 0;
        head_ = tail_ = 0;
        phase_ = 1;
    }

    uint32_t submissions_told() const { return sq_doorbell_; }
    uint32_t completions_taken() const { return cq_doorbell_; }

private:
    uint32_t depth_;
    std::vector<Command> commands_;
    std::vector<Completion> completions_;
    volatile uint32_t sq_doorbell_ = 0, cq_doorbell_ = 0;
    uint32_t head_ = 0, tail_ = 0;
    uint16_t phase_ = 1;
};

struct QueuePairTest : testing::Test {
    static constexpr uint32_t depth = 8;
    ModelController controller{depth};
    QueuePair pair{depth, controller.memory()};

    uint16_t submit(uint64_t block) {
        return pair.submit({.opcode = nvme_cmd_read, .cdw10 = uint32_t(block)});
    }

    std::vector<uint16_t> ended() {
        std::vector<uint16_t> cids;
        pair.poll([&](uint16_t cid, Status) { cids.push_back(cid); });
        return cids;
    }
};

TEST_F(QueuePairTest, TheControllerSeesCommandsOnceItIsTold) {
    const uint16_t cid = submit(7);
    EXPECT_FALSE(controller.fetch());
    pair.ring();
    const auto command = controller.fetch();
    ASSERT_TRUE(command);
    EXPECT_EQ(command->cid, cid);
    EXPECT_EQ(command->cdw10, 7u);
}

TEST_F(QueuePairTest, TheIdentifierIsKnownBeforehand) {
    const uint16_t next = pair.next_cid();
    EXPECT_EQ(submit(0), next);
}

TEST_F(QueuePairTest, CommandsEndInTheOrderOfCompletion) {
    const uint16_t a = submit(0), b = submit(1), c = submit(2);
    pair.ring();
    controller.complete(c);
    controller.complete(a);
    EXPECT_THAT(ended(), ElementsAre(c, a));
    EXPECT_EQ(pair.in_flight(), 1u);
    controller.complete(b);
    EXPECT_THAT(ended(), ElementsAre(b));
    EXPECT_EQ(controller.completions_taken(), 3u);
}

TEST_F(QueuePairTest, NothingIsTakenTwiceNorBeforeItIsThere) {
    submit(0);
    pair.ring();
    EXPECT_TRUE(ended().empty());
    controller.complete(controller.fetch()->cid);
    EXPECT_EQ(ended().size(), 1u);
    EXPECT_TRUE(ended().empty());
}

TEST_F(QueuePairTest, BothQueuesWrapAndThePhaseTurns) {
    for (uint32_t i = 0; i < 5 * depth + 3; i++) {
        const uint16_t cid = submit(i);
        pair.ring();
        EXPECT_EQ(controller.fetch()->cdw10, i);
        controller.complete(cid);
        ASSERT_THAT(ended(), ElementsAre(cid)) << i;
    }
    EXPECT_EQ(controller.completions_taken(), 3u);
    EXPECT_EQ(controller.submissions_told(), 3u);
}

TEST_F(QueuePairTest, FullHoldsOneLessThanItsDepth) {
    for (uint32_t i = 0; i < depth - 1; i++) {
        ASSERT_FALSE(pair.full());
        submit(i);
    }
    EXPECT_TRUE(pair.full());
    EXPECT_EQ(pair.in_flight(), depth - 1);
    pair.ring();
    EXPECT_EQ(controller.submissions_told(), depth - 1);
    const uint16_t first = controller.fetch()->cid;
    controller.complete(first);
    ended();
    EXPECT_FALSE(pair.full());
    EXPECT_EQ(pair.next_cid(), first);
}

TEST_F(QueuePairTest, WhoHearsOfAnEndMaySubmit) {
    submit(0);
    pair.ring();
    controller.complete(controller.fetch()->cid);
    pair.poll([&](uint16_t, Status) { submit(1); });
    pair.ring();
    EXPECT_EQ(controller.fetch()->cdw10, 1u);
}

TEST_F(QueuePairTest, AnErrorKeepsItsStatusAndItsResult) {
    const uint16_t cid = submit(0);
    pair.ring();
    controller.complete(cid, NVME_SCT_MEDIA << 8 | 0x81, 42);
    Status found;
    pair.poll([&](uint16_t, Status status) { found = status; });
    EXPECT_FALSE(found.success());
    EXPECT_EQ(found.sct(), 2u);
    EXPECT_EQ(found.sc(), 0x81u);
    EXPECT_EQ(found.result, 42u);
}

TEST_F(QueuePairTest, MoreAndDoNotRetryAreNoPartOfTheStatus) {
    const uint16_t cid = submit(0);
    pair.ring();
    controller.complete(cid, 1u << 14 | 1u << 13 | NVME_SC_INVALID_FIELD);
    Status found;
    pair.poll([&](uint16_t, Status status) { found = status; });
    EXPECT_EQ(found.sct(), 0u);
    EXPECT_EQ(found.sc(), uint32_t(NVME_SC_INVALID_FIELD));
}

TEST_F(QueuePairTest, CompletionsThatNobodyWaitsForAreCountedAndLeftOut) {
    const uint16_t cid = submit(0);
    pair.ring();
    controller.complete(1000);
    controller.complete(cid);
    controller.complete(cid);
    EXPECT_THAT(ended(), ElementsAre(cid));
    EXPECT_EQ(pair.strays(), 2u);
    EXPECT_EQ(pair.in_flight(), 0u);
}

TEST_F(QueuePairTest, AfterAResetItIsEmptyAndStartsAtTheBeginning) {
    for (uint32_t i = 0; i < depth + 2; i++) {
        const uint16_t cid = submit(i);
        pair.ring();
        controller.complete(cid);
        ended();
    }
    const uint16_t a = submit(0), b = submit(1);
    std::vector<uint16_t> gone;
    pair.end_all([&](uint16_t cid) { gone.push_back(cid); });
    EXPECT_THAT(gone, testing::UnorderedElementsAre(a, b));

    controller.reset();
    pair.restart();
    EXPECT_EQ(pair.in_flight(), 0u);
    submit(3);
    pair.ring();
    EXPECT_EQ(controller.submissions_told(), 1u);
    const auto command = controller.fetch();
    ASSERT_TRUE(command);
    EXPECT_EQ(command->cdw10, 3u);
    controller.complete(command->cid);
    EXPECT_THAT(ended(), ElementsAre(command->cid));
}

/// A controller that looks at doorbells in memory: as long as it is busy without being told.
struct ShadowDoorbellTest : QueuePairTest {
    ShadowDoorbellTest() { pair.restart({&value, &event}, {&completion_value, &completion_event}); }

    uint32_t value = 77, event = 77, completion_value = 77, completion_event = 77;
};

TEST_F(ShadowDoorbellTest, TheRegisterIsWrittenOnlyWhenTheControllerWaitsForIt) {
    EXPECT_EQ(value, 0u) << "a queue begins at its beginning";
    submit(0);
    pair.ring();
    EXPECT_EQ(value, 1u);
    EXPECT_EQ(controller.submissions_told(), 1u) << "it waited at 0";
    submit(1);
    pair.ring();
    EXPECT_EQ(value, 2u);
    EXPECT_EQ(controller.submissions_told(), 1u) << "it is busy: it will look at the value";
    event = 2;  // it has done all, and sleeps
    submit(2);
    submit(3);
    pair.ring();
    EXPECT_EQ(value, 4u);
    EXPECT_EQ(controller.submissions_told(), 4u);
}

TEST_F(ShadowDoorbellTest, AWrapIsToldToWhoSleeps) {
    const auto run = [&](uint32_t count) {
        for (uint32_t i = 0; i < count; i++) {
            const uint16_t cid = submit(i);
            pair.ring();
            controller.complete(cid);
            ended();
        }
    };
    run(depth - 1);
    event = depth - 1;
    completion_event = depth - 1;
    run(1);
    EXPECT_EQ(value, 0u);
    EXPECT_EQ(controller.submissions_told(), 0u);
    EXPECT_EQ(completion_value, 0u);
    EXPECT_EQ(controller.completions_taken(), 0u);
}

TEST_F(ShadowDoorbellTest, CompletionsAreToldInMemoryToo) {
    completion_event = 5;
    const uint16_t a = submit(0), b = submit(1);
    pair.ring();
    controller.complete(a);
    controller.complete(b);
    ended();
    EXPECT_EQ(completion_value, 2u);
    EXPECT_EQ(controller.completions_taken(), 0u);
}

struct TransferTest : testing::Test {
    static constexpr uint64_t iova = 1ull << 32;
    static constexpr uint32_t pages = 8;
    std::vector<std::byte> memory = std::vector<std::byte>(pages * page_size);
    PagePool pool{memory.data(), iova, pages};
    Transfer transfer;
    Command command;

    std::byte* device(uint64_t address) { return memory.data() + (address - iova); }
};

TEST_F(TransferTest, WhatIsWrittenIsWhereTheListSays) {
    std::vector<std::byte> data(3 * page_size + 512);
    for (size_t i = 0; i < data.size(); i++)
        data[i] = std::byte(i / 512);
    iovec pieces[] = {{data.data(), 100},
                      {data.data() + 100, page_size},
                      {data.data() + 100 + page_size, data.size() - 100 - page_size}};
    const Request request{{.opcode = nvme_cmd_write},
                          {.iovs = pieces, .iovcnt = 3, .bytes = uint32_t(data.size())}};
    ASSERT_TRUE(transfer.begin(pool, request, command));
    EXPECT_EQ(pool.available(), pages - 5);

    const auto* list = reinterpret_cast<const uint64_t*>(device(command.dptr[1]));
    const uint64_t found[] = {command.dptr[0], list[0], list[1], list[2]};
    for (size_t i = 0; i < data.size(); i++)
        ASSERT_EQ(device(found[i / page_size])[i % page_size], data[i]) << i;
    transfer.end(pool, true);
    EXPECT_EQ(pool.available(), pages);
}

TEST_F(TransferTest, WhatIsReadReachesTheClientIfTheCommandHasEndedWell) {
    std::vector<std::byte> data(2 * page_size), md(16);
    const Request request{{.opcode = nvme_cmd_read},
                          {.buf = data.data(), .bytes = 2 * page_size, .md = md.data(), .md_bytes = 16}};
    for (const bool success : {false, true}) {
        command = {};
        ASSERT_TRUE(transfer.begin(pool, request, command));
        device(command.dptr[0])[5] = std::byte(1);
        device(command.dptr[1])[page_size - 1] = std::byte(2);
        device(command.mptr)[15] = std::byte(3);
        transfer.end(pool, success);
        EXPECT_EQ(data[5], std::byte(success ? 1 : 0));
        EXPECT_EQ(data[2 * page_size - 1], std::byte(success ? 2 : 0));
        EXPECT_EQ(md[15], std::byte(success ? 3 : 0));
    }
}

TEST_F(TransferTest, MetadataThatNobodyGivesAreWrittenAsZeroes) {
    memory.assign(memory.size(), std::byte(0xff));
    std::vector<std::byte> data(512);
    const Request request{{.opcode = nvme_cmd_write}, {.buf = data.data(), .bytes = 512, .md_bytes = 16}};
    ASSERT_TRUE(transfer.begin(pool, request, command));
    EXPECT_EQ(device(command.mptr)[0], std::byte(0));
    EXPECT_EQ(device(command.mptr)[15], std::byte(0));
    transfer.end(pool, true);
}

TEST_F(TransferTest, PagesSideBySideAreOneSglDescriptor) {
    std::vector<std::byte> data(3 * page_size + 512, std::byte{5});
    const Request request{{.opcode = nvme_cmd_write}, {.buf = data.data(), .bytes = uint32_t(data.size())}};
    for (int round = 0; round < 3; round++) {
        command = {};
        ASSERT_TRUE(transfer.begin(pool, request, command, true));
        EXPECT_EQ(pool.available(), pages - 4) << "no list";
        EXPECT_EQ(command.flags, 1u << 6);
        EXPECT_EQ(command.dptr[1], data.size()) << "a data block descriptor of that length";
        EXPECT_EQ(std::memcmp(device(command.dptr[0]), data.data(), data.size()), 0);
        transfer.end(pool, true);
    }
}

TEST_F(TransferTest, PagesHereAndThereAreAList) {
    const uint32_t first = pool.take(), second = pool.take();
    pool.give(second);
    const uint32_t third = pool.take();
    ASSERT_EQ(third, second);
    pool.give(first);
    pool.give(third);  // they come in the wrong order now
    std::vector<std::byte> data(3 * page_size);
    const Request request{{.opcode = nvme_cmd_write}, {.buf = data.data(), .bytes = uint32_t(data.size())}};
    command.flags = 1u << 6;  // as a passthrough command may have it
    ASSERT_TRUE(transfer.begin(pool, request, command, true));
    EXPECT_EQ(command.flags, 0u);
    EXPECT_EQ(pool.available(), pages - 4);
    EXPECT_EQ(*reinterpret_cast<const uint64_t*>(device(command.dptr[1])), pool.iova(first));
    transfer.end(pool, true);
}

TEST_F(TransferTest, WithTooFewPagesNothingHappens) {
    std::vector<std::byte> data(page_size * pages);
    const Request request{{.opcode = nvme_cmd_write}, {.buf = data.data(), .bytes = uint32_t(data.size())}};
    EXPECT_FALSE(transfer.begin(pool, request, command));
    EXPECT_EQ(pool.available(), pages);
}

}  // namespace

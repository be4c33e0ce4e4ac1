// SPDX-License-Identifier: BSD-3-Clause
// Block status over a disk that changes between the search for data and the search for a hole.
#include <gtest/gtest.h>

#include <deque>
#include <future>

#include "frontends/nbd/nbd_request.hpp"
#include "support/client.hpp"
#include "support/test_disk.hpp"
#include "support/test_host.hpp"

namespace bdevkit::host::nbd {
namespace {

using bdk::test::Access;
using bdk::test::TestDisk;
using bdk::test::TestHost;

constexpr uint32_t block = 512;
constexpr uint64_t none = UINT64_MAX;

class NbdBlockStatus : public testing::Test {
protected:
    NbdBlockStatus() {
        EXPECT_EQ(host.add(TestDisk::module()), 0);
        EXPECT_EQ(host.create("test_disk", "disk", {{"blocks", 64}}), 0);
        TestDisk::named("disk").on_submit = [this](TestDisk::Io io) {
            auto& answers = io.type() == TestDisk::IoType::seek_data ? data : holes;
            bdk_bdev_io_set_seek_offset(io.get(), answers.front());
            if (answers.size() > 1) answers.pop_front();
            ++seeks;
            io.complete();
        };
    }

    struct Extent {
        uint32_t length;
        uint32_t state;
        bool operator==(const Extent&) const = default;
    };

    Extent ask(uint64_t offset, uint32_t length) {
        bdk::test::Client client("disk", Access::read);
        Target target{.bdev = client.bdev(),
                      .desc = client.desc(),
                      .channel = client.channel(),
                      .size = 64 * block,
                      .block_size = block,
                      .write_unit = block,
                      .seeks = true};
        BufferCache buffers;
        Request request;
        std::promise<void> done;
        bdk::call_on_app_thread([&] {
            const RequestHeader header{.command = Command::block_status, .offset = offset, .length = length};
            request.lay_out(header, target);
            EXPECT_EQ(request.take_memory(buffers), Error::none);
            const auto ended = [](Request&, void* ctx) {
                static_cast<std::promise<void>*>(ctx)->set_value();
            };
            request.start(ended, &done);
        });
        done.get_future().get();
        EXPECT_EQ(request.error(), Error::none);
        request.make_reply(true);
        const std::byte* chunk = request.reply_head().data() + 20;  // of its header
        return {load_be<uint32_t>(chunk + 4), load_be<uint32_t>(chunk + 8)};
    }

    TestHost host;
    std::deque<uint64_t> data;   ///< what seeks for data find; the last stays
    std::deque<uint64_t> holes;  ///< likewise
    int seeks = 0;
};

constexpr uint32_t is_data = 0, is_hole = state_hole;

TEST_F(NbdBlockStatus, TellsDataAndHoles) {
    data = {2};
    holes = {10};
    EXPECT_EQ(ask(2 * block, 20 * block), (Extent{8 * block, is_data}));
    EXPECT_EQ(ask(0, 20 * block), (Extent{2 * block, is_hole}));
    EXPECT_EQ(ask(2 * block + 100, block), (Extent{block, is_data}));
    holes = {none};
    EXPECT_EQ(ask(2 * block, 20 * block), (Extent{20 * block, is_data}));
}

TEST_F(NbdBlockStatus, LooksAgainWhenTheDataHaveBecomeAHoleMeanwhile) {
    data = {2, 5};
    holes = {2, 10};
    EXPECT_EQ(ask(2 * block + 100, 20 * block), (Extent{3 * block - 100, is_hole}));
    EXPECT_EQ(seeks, 3);
    data = {2};
    holes = {2, 10};
    EXPECT_EQ(ask(2 * block, 20 * block), (Extent{8 * block, is_data}));
}

TEST_F(NbdBlockStatus, SaysDataWhereTheDiskIsNeverTheSame) {
    data = {2};
    holes = {2};
    EXPECT_EQ(ask(2 * block, 20 * block), (Extent{20 * block, is_data}));
}

TEST_F(NbdBlockStatus, TakesAnswersBelowTheFirstBlockAsThoseForIt) {
    data = {0};
    holes = {10};
    EXPECT_EQ(ask(4 * block, 20 * block), (Extent{6 * block, is_data}));
    holes = {0, 10};
    EXPECT_EQ(ask(4 * block, 20 * block), (Extent{6 * block, is_data}));
}

}  // namespace
}  // namespace bdevkit::host::nbd

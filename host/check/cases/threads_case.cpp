// SPDX-License-Identifier: BSD-3-Clause
// Two reactors at once.
#include <fmt/format.h>

#include "check/case_stage.hpp"
#include "check/footprint.hpp"
#include "check/load.hpp"
#include "check/pattern.hpp"
#include "check/transfer.hpp"

namespace bdevkit::host {

namespace {

struct Threads {
    bdk_thread* first;
    bdk_thread* second;
};

/// Whether the data of reads can be compared.
bool can_verify(Stage& stage, const std::string& bdev) {
    CheckClient client(stage, bdev);
    need_plain_blocks(client);
    return keeps_data(client);
}

void check_shared_data(Stage& stage, const Threads& threads) {
    const CheckedBdev bdev(stage);
    const bool verifies = can_verify(stage, bdev.name());
    CheckClient one(stage, bdev.name(), threads.first), two(stage, bdev.name(), threads.second);
    const uint64_t half = one.num_blocks() / 2 / one.unit() * one.unit();
    if (half == 0) throw NotApplicable{"the bdev is too small"};
    CheckLoad low(one, {.depth = 16, .num_blocks = half, .verifies = verifies, .count = 2000});
    CheckLoad high(
        two, {.depth = 16, .first_block = half, .num_blocks = half, .verifies = verifies, .count = 2000});
    low.wait();
    high.wait();
    low.expect_clean();
    high.expect_clean();
    if (!verifies || !one.is_writable()) return;
    for (uint64_t i = 0; i < 8; i++) {
        CheckClient& writer = i % 2 == 0 ? one : two;
        CheckClient& reader = i % 2 == 0 ? two : one;
        const Bytes data = make_pattern(one.unit() * one.block_size(), 600 + i);
        write(writer, i * one.unit() % half, data);
        expect_same(read(reader, i * one.unit() % half, one.unit()), data,
                    "read of what the other thread wrote", one.block_size());
    }
}

ThreadFootprint footprint_of(Stage& stage, bdk_thread* thread) {
    ThreadFootprint result;
    stage.call_on(thread, [&] { result = ThreadFootprint::of_this_thread(); });
    return result;
}

void check_channels(Stage& stage, const Threads& threads) {
    const CheckedBdev bdev(stage);
    const auto use = [&] {
        CheckClient one(stage, bdev.name(), threads.first), two(stage, bdev.name(), threads.second),
            three(stage, bdev.name());
        for (CheckClient* client : {&one, &two, &three})
            if (client->supports(BDK_BDEV_IO_TYPE_READ)) static_cast<void>(read(*client, 0, 1));
    };
    use();  // the first use may set up permanent state
    const size_t before = footprint_of(stage, threads.first).channels;
    for (int i = 0; i < 20; i++)
        use();
    // Channels are destroyed in a message after the last put.
    stage.wait_until(
        "control.channels",
        "after 20 opens and closes there are more io_channels on the thread than "
        "before",
        [&] { return ThreadFootprint::of_this_thread().channels <= before; }, threads.first);
    for (const CheckingBdev* base : stage.bases())
        stage.wait_until(
            "control.channels",
            fmt::format("the base '{}' still has channels though the bdev has none", base->name()),
            [&] { return base->channels <= 0; });
}

}  // namespace

void run_threads_case(CaseContext& context) {
    with_stage(context, {.reactors = 2}, [&](Stage& stage) {
        const Threads threads{stage.new_thread("one", 0), stage.new_thread("two", 1)};
        context.recorder.step("data.threads", [&] { check_shared_data(stage, threads); });
        context.recorder.step("control.channels", [&] { check_channels(stage, threads); });
    });
}

}  // namespace bdevkit::host

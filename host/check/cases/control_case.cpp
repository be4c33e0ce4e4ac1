// SPDX-License-Identifier: BSD-3-Clause
// Reset and abort, both under load.
#include <fmt/format.h>

#include <algorithm>

#include "check/case_stage.hpp"
#include "check/load.hpp"
#include "check/pattern.hpp"
#include "check/transfer.hpp"

namespace bdevkit::host {

namespace {

void hold_bases(Stage& stage, bool hold) {
    for (CheckingBdev* base : stage.bases())
        base->hold = hold;
}

void release_bases(Stage& stage) {
    hold_bases(stage, false);
    for (CheckingBdev* base : stage.bases())
        stage.await("base.hold", "release of the base's I/O",
                    [&](bdk::Done done) { base->release([done = std::move(done)] { done(0); }); });
}

/// Checks that the bdev works as before.
void expect_usable(CheckClient& client, bool verifies) {
    if (!client.is_writable()) return static_cast<void>(read(client, 0, 1));
    const Bytes data = make_pattern(client.unit() * client.block_size(), 700);
    write(client, 0, data);
    const Bytes seen = read(client, 0, client.unit());
    if (verifies) expect_same(seen, data, "read after it", client.block_size());
}

/// A long write of zeroes over the second half of the bdev. It has to end, with success or failure.
class LongZeroing {
public:
    explicit LongZeroing(CheckClient& client) : client_(client) {
        if (!client.is_writable() || !client.supports(BDK_BDEV_IO_TYPE_WRITE_ZEROES)) return;
        const uint64_t count = client.num_blocks() / 2 / client.unit() * client.unit();
        if (count == 0) return;
        client.stage().call_on(client.thread(), [&] {
            client.submit_here(
                [&](auto* desc, auto* ch, auto cb, void* arg) {
                    return bdk_bdev_write_zeroes_blocks(desc, ch, client.num_blocks() - count, count, nullptr,
                                                        cb, arg);
                },
                [](const CheckResult&) {});
        });
    }
    void wait() { client_.wait_idle(); }

private:
    CheckClient& client_;
};

/// The load that runs beside it uses the first half.
uint64_t blocks_of_load(const CheckClient& client) {
    return std::max<uint64_t>(1, client.num_blocks() / 2 / client.unit()) * client.unit();
}

/// A reset right behind I/Os that were submitted in the same turn of the thread: each of them ends.
void reset_behind_ios(CheckClient& client) {
    constexpr uint64_t count = 48;
    const uint64_t unit = client.unit();
    std::vector<Bytes> buffers(count, Bytes(unit * client.block_size()));
    CheckResult reset;
    client.stage().call_on(client.thread(), [&] {
        for (uint64_t i = 0; i < count; i++)
            client.submit_here(read_of(buffers[i].data(), i % (client.num_blocks() / unit) * unit, unit),
                               [](const CheckResult&) {});
        client.submit_here([](auto* desc, auto* ch, auto cb,
                              void* arg) { return bdk_bdev_reset(desc, ch, nullptr, cb, arg); },
                           [&](const CheckResult& result) { reset = result; });
    });
    client.wait_idle();
    if (!reset.ok()) throw Broken{fmt::format("reset behind {} reads: {}", count, reset.text()), "success"};
}

void check_reset(CheckClient& client) {
    if (!client.supports(BDK_BDEV_IO_TYPE_RESET)) throw NotApplicable{"the bdev has no reset"};
    need_plain_blocks(client);
    const bool verifies = keeps_data(client);
    reset_behind_ios(client);
    for (int round = 0; round < 5; round++) {
        hold_bases(client.stage(), round % 2 == 1);
        CheckLoad load(client, {.depth = 16, .num_blocks = blocks_of_load(client), .verifies = verifies});
        LongZeroing zeroing(client);
        if (round % 2 == 0) load.wait_for(100);
        const CheckResult result = client.run("reset", [](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_reset(desc, ch, nullptr, cb, arg);
        });
        release_bases(client.stage());
        load.stop();
        load.wait();
        zeroing.wait();
        if (!result.ok()) throw Broken{fmt::format("reset under load: {}", result.text()), "success"};
        if (!load.mismatch().empty()) throw Broken{load.mismatch(), "what was written"};
    }
    expect_usable(client, verifies);
}

void check_abort(CheckClient& client) {
    if (!client.supports(BDK_BDEV_IO_TYPE_ABORT)) throw NotApplicable{"the bdev has no abort"};
    need_plain_blocks(client);
    const bool verifies = keeps_data(client);
    for (int round = 0; round < 5; round++) {
        hold_bases(client.stage(), round % 2 == 1);
        CheckLoad load(client, {.depth = 16, .num_blocks = blocks_of_load(client), .verifies = verifies});
        LongZeroing zeroing(client);
        // Aborts all I/O of the channel. The abort fails if an I/O has already completed, which is not a
        // fault.
        static_cast<void>(client.run("abort", [](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_abort(desc, ch, nullptr, nullptr, cb, arg);
        }));
        release_bases(client.stage());
        load.stop();
        load.wait();
        zeroing.wait();
        if (!load.mismatch().empty()) throw Broken{load.mismatch(), "what was written"};
    }
    expect_usable(client, verifies);
}

}  // namespace

void run_control_case(CaseContext& context) {
    with_stage(context, {}, [&](Stage& stage) {
        const std::pair<const char*, void (*)(CheckClient&)> steps[] = {{"control.reset", check_reset},
                                                                        {"control.abort", check_abort}};
        for (const auto& [rule, fn] : steps)
            context.recorder.step(rule, [&, fn = fn] {
                const CheckedBdev bdev(stage);
                CheckClient client(stage, bdev.name());
                fn(client);
            });
    });
}

}  // namespace bdevkit::host

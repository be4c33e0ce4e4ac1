// SPDX-License-Identifier: BSD-3-Clause
// How a virtual bdev uses its base and handles the base's failures.
#include <fmt/format.h>

#include <algorithm>

#include "check/case_stage.hpp"
#include "check/load.hpp"
#include "check/pattern.hpp"
#include "check/transfer.hpp"

namespace bdevkit::host {

namespace {

void fill_bases(Stage& stage) {
    if (!stage.options().base_image.empty()) return;
    for (CheckingBdev* base : stage.bases())
        stage.call([&] { base->fill(12); });
}

void check_claim(Stage& stage) {
    const CheckedBdev bdev(stage);
    CheckClient client(stage, bdev.name());
    need_plain_blocks(client);
    CheckLoad load(client, {.count = 200});
    load.wait();
    stage.call([&] {
        for (CheckingBdev* base : stage.bases()) {
            if (base->unclaimed_changes != 0)
                throw Broken{fmt::format("{} I/Os changed the base '{}' while nobody had claimed it",
                                         base->unclaimed_changes.load(), base->name()),
                             "bdk_bdev_module_claim_bdev() before the first write"};
            if (base->is_open_for_writing() && !base->is_claimed())
                throw Broken{fmt::format("the base '{}' is open for writing and not claimed", base->name()),
                             "bdk_bdev_module_claim_bdev()"};
        }
    });
}

void check_untouched(Stage& stage) {
    fill_bases(stage);
    const CheckedBdev bdev(stage);
    CheckClient client(stage, bdev.name());
    need_plain_blocks(client);
    std::vector<Bytes> before;
    for (const CheckingBdev* base : stage.bases())
        before.push_back(base->content());
    CheckLoad load(client, {.depth = 16, .writes = false, .count = 2000});
    load.wait();
    load.expect_clean();
    for (size_t i = 0; i < before.size(); i++)
        expect_same(stage.bases()[i]->content(), before[i],
                    fmt::format("content of the base '{}' after reads of the bdev", stage.bases()[i]->name()),
                    stage.options().base_block_size);
}

void fail_bases(Stage& stage, bool fail) {
    for (CheckingBdev* base : stage.bases())
        base->fail = fail;
}

/// True if an I/O like this one reaches a base: an I/O that the module answers itself may succeed.
bool reaches_base(Stage& stage, const std::function<CheckResult()>& io) {
    const auto count = [&] {
        uint64_t all = 0;
        for (const CheckingBdev* base : stage.bases())
            all += base->submitted;
        return all;
    };
    const uint64_t before = count();
    return io().ok() && count() > before;
}

void check_status(Stage& stage) {
    const CheckedBdev bdev(stage);
    CheckClient client(stage, bdev.name());
    need_plain_blocks(client);
    Bytes buffer = make_pattern(client.unit() * client.block_size(), 13);
    const uint64_t units = client.num_blocks() / client.unit();
    for (const bool writes : {false, true}) {
        if (writes && !client.is_writable()) continue;
        uint64_t next = 0;
        const auto io = [&] {
            const uint64_t block = next++ % units * client.unit();
            return client.run(writes ? "write" : "read", writes
                                                             ? write_of(buffer.data(), block, client.unit())
                                                             : read_of(buffer.data(), block, client.unit()));
        };
        if (!reaches_base(stage, io)) continue;
        fail_bases(stage, true);
        CheckResult result;
        for (int i = 0; i < 8 && !result.ok(); i++)
            result = io();
        fail_bases(stage, false);
        if (result.ok())
            throw Broken{
                fmt::format("a {} succeeded though the base had failed it", writes ? "write" : "read"),
                "a failure, with the base's status"};
    }
}

void check_hold(Stage& stage) {
    fill_bases(stage);
    const CheckedBdev bdev(stage);
    CheckClient client(stage, bdev.name());
    need_plain_blocks(client);
    const bool verifies = keeps_data(client);
    for (int round = 0; round < 4; round++) {
        for (CheckingBdev* base : stage.bases())
            base->hold = true;
        CheckLoad load(client, {.depth = 8, .verifies = verifies, .count = 64});
        stage.call([] {});
        for (CheckingBdev* base : stage.bases()) {
            base->hold = false;
            stage.await("base.hold", "release of the base's I/O",
                        [&](bdk::Done done) { base->release([done = std::move(done)] { done(0); }); });
        }
        load.wait();
        load.expect_clean();
    }
}

void check_resize(Stage& stage) {
    const CheckedBdev bdev(stage);
    CheckClient client(stage, bdev.name());
    need_plain_blocks(client);
    const bool verifies = keeps_data(client);
    const uint64_t before = client.num_blocks();
    CheckLoad load(client, {.depth = 8, .num_blocks = before, .verifies = verifies});
    load.wait_for(50);
    stage.call([&] {
        for (CheckingBdev* base : stage.bases())
            base->grow(bdk_bdev_get_num_blocks(base->handle()) * 2);
    });
    load.wait_for(200);
    load.stop();
    load.wait();
    load.expect_clean();
    const uint64_t after = client.num_blocks();
    if (after < before)
        throw Broken{fmt::format("{} blocks after the base has grown, {} before", after, before)};
    static_cast<void>(read(client, after - 1, 1));
    expect_apart(stage);
}

}  // namespace

void run_base_case(CaseContext& context) {
    with_stage(context, {}, [&](Stage& stage) {
        const std::pair<const char*, void (*)(Stage&)> steps[] = {{"base.claim", check_claim},
                                                                  {"base.untouched", check_untouched},
                                                                  {"base.status", check_status},
                                                                  {"base.hold", check_hold},
                                                                  {"base.resize", check_resize}};
        for (const auto& [rule, fn] : steps)
            context.recorder.step(rule, [&, fn = fn] {
                need_base(stage);
                fn(stage);
            });
    });
}

}  // namespace bdevkit::host

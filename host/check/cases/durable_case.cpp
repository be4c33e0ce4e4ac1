// SPDX-License-Identifier: BSD-3-Clause
// Data that a virtual bdev reports as durable is durable on its bases. The bases know which data a power
// failure would lose.
#include <bdevkit/bdev_io.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "check/case_stage.hpp"
#include "check/pattern.hpp"
#include "check/transfer.hpp"

namespace bdevkit::host {

namespace {

using Submit = CheckClient::Submit;

/// Of all bases.
uint64_t sum(Stage& stage, std::atomic<uint64_t> CheckingBdev::*figure) {
    const auto& bases = stage.bases();
    return std::accumulate(bases.begin(), bases.end(), uint64_t{0},
                           [&](uint64_t all, const CheckingBdev* base) { return all + base->*figure; });
}

void forget_risks(Stage& stage) {
    for (CheckingBdev* base : stage.bases())
        base->at_risk = 0;
}

/// Runs an I/O whose data must be durable when it has ended.
void expect_durable(CheckClient& client, const std::string& what, const Submit& submit) {
    Stage& stage = client.stage();
    forget_risks(stage);
    const uint64_t changes = sum(stage, &CheckingBdev::changes);
    const CheckResult result = client.run(what, submit);
    if (!result.ok()) throw Broken{fmt::format("{}: {}", what, result.text()), "success"};
    if (sum(stage, &CheckingBdev::changes) == changes)
        throw Broken{fmt::format("a {} has ended, but none of its data has reached the base", what),
                     "the data on the base"};
    if (const uint64_t risky = sum(stage, &CheckingBdev::at_risk); risky != 0)
        throw Broken{
            fmt::format("a {} has ended, but a power failure would undo {} changes of the base", what, risky),
            "FUA on the base, or a flush after the change and before the end"};
}

/// Places and lengths: one unit, and many units, which a module may split.
std::vector<std::pair<uint64_t, uint64_t>> ranges(const CheckClient& client) {
    const uint64_t unit = client.unit(), units = client.num_blocks() / unit;
    const uint64_t many =
        std::min<uint64_t>(units, std::max<uint64_t>(1, (1 << 20) / (unit * client.block_size())));
    return {{0, unit}, {units / 2 * unit, unit}, {(units - many) / 2 * unit, many * unit}};
}

/// Every type that takes FUA.
void check_fua_here(CheckClient& client) {
    const bdk_bdev_io_opts fua{.size = sizeof(bdk_bdev_io_opts), .flags = BDK_BDEV_IO_FUA};
    uint64_t seed = 800;
    for (const auto& [block, count] : ranges(client)) {
        Bytes data = make_pattern(count * client.block_size(), seed++);
        iovec piece{data.data(), data.size()};
        expect_durable(client, fmt::format("write of {} blocks with FUA", count),
                       [&, at = block, n = count](auto* desc, auto* ch, auto cb, void* arg) {
                           return bdk_bdev_writev_blocks(desc, ch, &piece, 1, at, n, &fua, cb, arg);
                       });
        if (!client.supports(BDK_BDEV_IO_TYPE_WRITE_ZEROES)) continue;
        expect_durable(client, fmt::format("write_zeroes of {} blocks with FUA", count),
                       [&, at = block, n = count](auto* desc, auto* ch, auto cb, void* arg) {
                           return bdk_bdev_write_zeroes_blocks(desc, ch, at, n, &fua, cb, arg);
                       });
    }
}

void need_writable(const CheckClient& client) {
    need_plain_blocks(client);
    if (!client.is_writable()) throw NotApplicable{"the bdev cannot be written"};
}

void check_fua(Stage& stage) {
    // A base that handles FUA, and a base for which the core adds a flush.
    for (const bool base_takes_fua : {false, true}) {
        stage.drop_bases();
        stage.set_next_bases({}, base_takes_fua);
        static_cast<void>(stage.bases());
        const CheckedBdev bdev(stage);
        CheckClient client(stage, bdev.name());
        need_writable(client);
        check_fua_here(client);
    }
}

void check_flush(Stage& stage) {
    const CheckedBdev bdev(stage);
    CheckClient client(stage, bdev.name());
    need_writable(client);
    const bool has_cache = bdk_bdev_has_write_cache(client.bdev());
    for (const auto& [block, count] : ranges(client)) {
        forget_risks(stage);
        write(client, block, make_pattern(count * client.block_size(), 820));
        if (has_cache) {
            const CheckResult result = client.run("flush", [&](auto* desc, auto* ch, auto cb, void* arg) {
                return bdk_bdev_flush_blocks(desc, ch, 0, client.num_blocks(), nullptr, cb, arg);
            });
            if (!result.ok()) throw Broken{fmt::format("flush: {}", result.text()), "success"};
        }
        if (const uint64_t risky = sum(stage, &CheckingBdev::at_risk); risky != 0)
            throw Broken{fmt::format("{}, but a power failure would undo {} changes of the base",
                                     has_cache ? "a flush has ended"
                                               : "a write to a bdev without a write cache has ended",
                                     risky),
                         has_cache ? "a flush of each base" : "BDK_BDEV_WRITE_CACHE, since the base has one"};
    }
}

}  // namespace

void run_durable_case(CaseContext& context) {
    with_stage(context, {}, [&](Stage& stage) {
        const std::pair<const char*, void (*)(Stage&)> steps[] = {{"base.flush", check_flush},
                                                                  {"base.fua", check_fua}};
        for (const auto& [rule, fn] : steps)
            context.recorder.step(rule, [&, fn = fn] {
                need_base(stage);
                fn(stage);
            });
    });
}

}  // namespace bdevkit::host

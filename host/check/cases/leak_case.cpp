// SPDX-License-Identifier: BSD-3-Clause
// Nothing stays behind: each round makes a bdev, uses it and removes it.
#include <fmt/format.h>

#include <array>

#include "check/case_stage.hpp"
#include "check/footprint.hpp"
#include "check/load.hpp"
#include "check/transfer.hpp"

namespace bdevkit::host {

namespace {

constexpr int rounds = 20;
constexpr size_t least_leak = 16;  ///< bytes per round
constexpr uint64_t ios_per_round = 64;

/// What there is between two rounds.
struct Snapshot {
    Footprint process;
    ThreadFootprint thread;

    static Snapshot of(Stage& stage) {
        Snapshot result;
        // What is done in messages after a removal is done then.
        for (int turn = 0; turn < 8; turn++)
            stage.call([] {});
        stage.call([&] { result.thread = ThreadFootprint::of_this_thread(); });
        result.process = Footprint::of_process();
        return result;
    }
};

void run_round(Stage& stage, uint64_t ios) {
    const CheckedBdev bdev(stage);
    CheckClient client(stage, bdev.name());
    if (!client.supports(BDK_BDEV_IO_TYPE_READ) || bdk_bdev_is_zoned(client.bdev())) return;
    CheckLoad load(client, {.depth = 4, .verifies = false, .count = ios});
    load.wait();
}

Snapshot run_rounds(Stage& stage, int count, uint64_t ios) {
    for (int i = 0; i < count; i++)
        run_round(stage, ios);
    return Snapshot::of(stage);
}

/// Throws Broken when a figure has grown in each window of rounds.
template <class Of>
void expect_level(const std::vector<Snapshot>& snapshots, const char* what, Of of, size_t least) {
    for (size_t i = 1; i < snapshots.size(); i++)
        if (of(snapshots[i]) < of(snapshots[i - 1]) + least) return;
    throw Broken{
        fmt::format("{} {} more in {} rounds of create, use and remove",
                    of(snapshots.back()) - of(snapshots.front()), what, rounds * (snapshots.size() - 1)),
        "none"};
}

/// A first window fills caches and pools, those after it are compared.
std::vector<Snapshot> measure(Stage& stage) {
    std::vector<Snapshot> snapshots;
    run_rounds(stage, rounds, ios_per_round);
    for (int window = 0; window < 4; window++)
        snapshots.push_back(run_rounds(stage, rounds, ios_per_round));
    return snapshots;
}

/// What the bases say, while the bdev is gone.
void check_bases(Stage& stage, const char* rule) {
    need_base(stage);
    run_round(stage, 8);
    // A desc may be closed in a message after the removal.
    for (CheckingBdev* base : stage.bases()) {
        const bool claim = std::string_view(rule) == "leak.claim";
        stage.wait_until(
            rule,
            claim ? fmt::format("the base '{}' is claimed though the bdev is gone", base->name())
                  : fmt::format("a desc of the base '{}' is open though the bdev is gone", base->name()),
            [&] { return claim ? !base->is_claimed() : base->descs() == 0; });
    }
}

/// Memory that I/O alone leaves behind, with one bdev all the time.
void check_io_memory(Stage& stage) {
    const CheckedBdev bdev(stage);
    CheckClient client(stage, bdev.name());
    if (!client.supports(BDK_BDEV_IO_TYPE_READ) || bdk_bdev_is_zoned(client.bdev())) return;
    std::array<size_t, 5> heap{};
    for (size_t& bytes : heap) {
        CheckLoad load(client, {.depth = 4, .verifies = false, .count = 500});
        load.wait();
        bytes = Footprint::of_process().heap;
    }
    for (size_t i = 2; i < heap.size(); i++)
        if (heap[i] < heap[i - 1] + 500) return;
    throw Broken{fmt::format("{} bytes more on the heap after 1500 I/Os", heap[4] - heap[1]), "none"};
}

}  // namespace

void run_leak_case(CaseContext& context) {
    with_stage(context, {}, [&](Stage& stage) {
        Recorder& recorder = context.recorder;
        recorder.step("leak.claim", [&] { check_bases(stage, "leak.claim"); });
        recorder.step("leak.desc", [&] { check_bases(stage, "leak.desc"); });
        std::vector<Snapshot> seen;
        const auto measured = [&]() -> const std::vector<Snapshot>& {
            if (seen.empty()) seen = measure(stage);
            return seen;
        };
        recorder.step("leak.poller", [&] {
            expect_level(
                measured(), "pollers", [](const Snapshot& s) { return s.thread.pollers; }, 1);
        });
        recorder.step("leak.channel", [&] {
            expect_level(
                measured(), "io_channels", [](const Snapshot& s) { return s.thread.channels; }, 1);
        });
        recorder.step("leak.bdev_io", [&] {
            expect_level(
                measured(), "bdev_ios", [](const Snapshot& s) { return s.thread.bdev_ios; }, 1);
        });
        recorder.step("leak.fd", [&] {
            expect_level(
                measured(), "file descriptors", [](const Snapshot& s) { return s.process.fds; }, 1);
        });
        recorder.step("leak.thread", [&] {
            expect_level(
                measured(), "pthreads", [](const Snapshot& s) { return s.process.threads; }, 1);
        });
        recorder.step("leak.memory", [&] {
            expect_level(
                measured(), "bytes on the heap", [](const Snapshot& s) { return s.process.heap; },
                rounds * least_leak);
            check_io_memory(stage);
        });
    });
}

}  // namespace bdevkit::host

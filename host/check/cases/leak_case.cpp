// SPDX-License-Identifier: BSD-3-Clause
// Nothing is left behind: each round creates a bdev, uses it and removes it.
#include <fmt/format.h>

#include <utility>

#include "check/case_stage.hpp"
#include "check/footprint.hpp"
#include "check/load.hpp"
#include "check/transfer.hpp"

namespace bdevkit::host {

namespace {

constexpr int rounds = 20;
constexpr size_t least_leak = 16;  ///< bytes per round
constexpr uint64_t ios_per_round = 64;

/// The resources in use between two rounds.
struct Snapshot {
    Footprint process;
    ThreadFootprint thread;

    static Snapshot of(Stage& stage) {
        Snapshot result;
        // Messages that clean up after a removal have run by then.
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

/// Windows of several rounds each, run on demand.
class Windows {
public:
    explicit Windows(Stage& stage) : stage_(stage) {}

    /// Throws Broken when a figure grows in every window. Caches and pools stop growing, and a module's own
    /// threads make the figure vary in both directions.
    template <class Of>
    void expect_level(const char* what, Of of, size_t least) {
        for (size_t i = 1; i < most; i++)
            if (of(end_of(i)) < of(end_of(i - 1)) + least) return;
        throw Broken{fmt::format("{} {} more in {} rounds of create, use and remove",
                                 of(end_of(most - 1)) - of(end_of(0)), what, rounds * (most - 1)),
                     "none"};
    }

private:
    const Snapshot& end_of(size_t window) {
        while (ends_.size() <= window)
            ends_.push_back(run_rounds(stage_, rounds, ios_per_round));
        return ends_[window];
    }

    static constexpr size_t most = 12;

    Stage& stage_;
    std::vector<Snapshot> ends_;
};

/// Checks the bases while the bdev is gone.
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

/// Memory that I/O leaks, with the same bdev all the time.
void check_io_memory(Stage& stage) {
    const CheckedBdev bdev(stage);
    CheckClient client(stage, bdev.name());
    if (!client.supports(BDK_BDEV_IO_TYPE_READ) || bdk_bdev_is_zoned(client.bdev())) return;
    const auto heap_after_ios = [&] {
        CheckLoad load(client, {.depth = 4, .verifies = false, .count = 500});
        load.wait();
        return Footprint::of_process().heap;
    };
    heap_after_ios();
    const size_t first = heap_after_ios();
    size_t last = first;
    for (int i = 1; i < 12; i++)
        if (const size_t before = std::exchange(last, heap_after_ios()); last < before + 500) return;
    throw Broken{fmt::format("{} bytes more on the heap after 5500 I/Os", last - first), "none"};
}

}  // namespace

void run_leak_case(CaseContext& context) {
    with_stage(context, {}, [&](Stage& stage) {
        Recorder& recorder = context.recorder;
        recorder.step("leak.claim", [&] { check_bases(stage, "leak.claim"); });
        recorder.step("leak.desc", [&] { check_bases(stage, "leak.desc"); });
        Windows windows(stage);
        recorder.step("leak.poller", [&] {
            windows.expect_level(
                "pollers", [](const Snapshot& s) { return s.thread.pollers; }, 1);
        });
        recorder.step("leak.channel", [&] {
            windows.expect_level(
                "io_channels", [](const Snapshot& s) { return s.thread.channels; }, 1);
        });
        recorder.step("leak.bdev_io", [&] {
            windows.expect_level(
                "bdev_ios", [](const Snapshot& s) { return s.thread.bdev_ios; }, 1);
        });
        recorder.step("leak.fd", [&] {
            windows.expect_level(
                "file descriptors", [](const Snapshot& s) { return s.process.fds; }, 1);
        });
        recorder.step("leak.thread", [&] {
            windows.expect_level(
                "pthreads", [](const Snapshot& s) { return s.process.threads; }, 1);
        });
        recorder.step("leak.memory", [&] {
            windows.expect_level(
                "bytes on the heap", [](const Snapshot& s) { return s.process.heap; }, rounds * least_leak);
            windows.expect_level(
                "mappings of files", [](const Snapshot& s) { return s.process.mapped_files; }, rounds);
            check_io_memory(stage);
        });
    });
}

}  // namespace bdevkit::host

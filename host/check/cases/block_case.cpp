// SPDX-License-Identifier: BSD-3-Clause
// No call holds a reactor. The machine may be busy with something else, so each operation runs several times,
// and the shortest time counts.
#include <bdevkit/poller.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "check/case_stage.hpp"
#include "check/pattern.hpp"
#include "check/transfer.hpp"

namespace bdevkit::host {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int repeats = 5;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr milliseconds limit{50};
#else
constexpr milliseconds limit{10};
#endif

/// Reads the clock every millisecond on the app thread: a gap is a time in which a call held the thread.
class Heartbeat {
public:
    explicit Heartbeat(Stage& stage) : stage_(stage) {
        stage_.call([this] {
            poller_ = bdk_poller_register(
                [](void* ctx) {
                    static_cast<Heartbeat*>(ctx)->beat();
                    return BDK_POLLER_IDLE;
                },
                this, 1000, "heartbeat");
        });
    }
    ~Heartbeat() {
        stage_.call([this] { bdk_poller_unregister(&poller_); });
    }
    Heartbeat(const Heartbeat&) = delete;
    Heartbeat& operator=(const Heartbeat&) = delete;

    /// The longest gap while fn() runs.
    Clock::duration longest_gap(const std::function<void()>& fn) {
        stage_.call([this] {
            last_ = Clock::now();
            longest_ = {};
        });
        fn();
        Clock::duration longest{};
        stage_.call([&] {
            beat();
            longest = longest_;
        });
        return longest;
    }

private:
    void beat() {
        const Clock::time_point now = Clock::now();
        longest_ = std::max(longest_, now - last_);
        last_ = now;
    }

    Stage& stage_;
    bdk_poller* poller_ = nullptr;
    Clock::time_point last_ = Clock::now();
    Clock::duration longest_{};
};

void expect_short(const std::string& what, Clock::duration least) {
    if (least <= limit) return;
    throw Broken{fmt::format("{} holds the reactor for at least {} ms", what,
                             std::chrono::duration_cast<milliseconds>(least).count()),
                 fmt::format("less than {} ms", limit.count())};
}

void check_io(Heartbeat& heartbeat, CheckClient& client) {
    Bytes data = make_pattern(client.unit() * client.block_size(), 60);
    const std::pair<uint32_t, CheckClient::Submit> ios[] = {
        {BDK_BDEV_IO_TYPE_READ, read_of(data.data(), 0, client.unit())},
        {BDK_BDEV_IO_TYPE_WRITE, write_of(data.data(), 0, client.unit())},
        {BDK_BDEV_IO_TYPE_UNMAP,
         [&](auto* desc, auto* ch, auto cb, void* arg) {
             return bdk_bdev_unmap_blocks(desc, ch, 0, client.unit(), nullptr, cb, arg);
         }},
        {BDK_BDEV_IO_TYPE_RESET,
         [](auto* desc, auto* ch, auto cb, void* arg) { return bdk_bdev_reset(desc, ch, nullptr, cb, arg); }},
    };
    for (const auto& [type, submit] : ios) {
        if (!client.supports(type)) continue;
        Clock::duration least = Clock::duration::max();
        const std::string name = bdk_bdev_io_type_name(type);
        for (int i = 0; i < repeats && least > limit; i++)
            least = std::min(least, heartbeat.longest_gap([&, &submit = submit] {
                static_cast<void>(client.run(name, submit));
            }));
        expect_short("a " + name, least);
    }
}

void check_block(Stage& stage) {
    Heartbeat heartbeat(stage);
    Clock::duration create = Clock::duration::max(), remove = create;
    for (int i = 0; i < repeats && (create > limit || remove > limit); i++) {
        bool made = false;
        create = std::min(create, heartbeat.longest_gap([&] {
            stage.create();
            made = true;
        }));
        if (made) remove = std::min(remove, heartbeat.longest_gap([&] { stage.remove_all(); }));
    }
    expect_short("create", create);
    expect_short("removal", remove);
    const CheckedBdev bdev(stage);
    CheckClient client(stage, bdev.name());
    need_plain_blocks(client);
    check_io(heartbeat, client);
}

}  // namespace

void run_block_case(CaseContext& context) {
    with_stage(context, {}, [&](Stage& stage) {
        context.recorder.step("thread.block", [&] {
            { const CheckedBdev possible(stage); }
            check_block(stage);
        });
    });
}

}  // namespace bdevkit::host

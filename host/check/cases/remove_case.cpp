// SPDX-License-Identifier: BSD-3-Clause
// Removal of the bdev, and of its base, with and without load.
#include <fmt/format.h>

#include <future>
#include <memory>

#include "base/errno_text.hpp"
#include "check/case_stage.hpp"
#include "check/load.hpp"
#include "module/module_registry.hpp"

namespace bdevkit::host {

namespace {

/// A removal under way.
class Removal {
public:
    Removal(Stage& stage, const std::string& bdev, std::string rule)
        : stage_(stage), name_(bdev), rule_(std::move(rule)), ended_(promise_->get_future()) {
        stage_.start_remove(bdev, [promise = promise_](int rc) { promise->set_value(rc); });
    }

    bool has_ended() const { return ended_.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }

    void wait() {
        if (ended_.wait_for(stage_.patience()) != std::future_status::ready)
            Recorder::instance().stuck(
                rule_, fmt::format("removal of '{}' has not ended {} ms after its last desc was "
                                   "closed",
                                   name_, stage_.patience().count()));
        if (const int rc = ended_.get(); rc != 0)
            throw Broken{fmt::format("removal of '{}' gives {}", name_, bdk::errno_text(rc)), "0"};
    }

private:
    Stage& stage_;
    const std::string name_, rule_;
    std::shared_ptr<std::promise<int>> promise_ = std::make_shared<std::promise<int>>();
    std::future<int> ended_;
};

/// Clients on two threads with load, which let go when the bdev goes.
class Users {
public:
    Users(Stage& stage, const std::string& bdev, bdk_thread* other)
        : one_(stage, bdev), two_(stage, bdev, other), loads_{load_of(one_, 0), load_of(two_, 1)} {}

    void wait_for(uint64_t completed) {
        for (const auto& load : loads_)
            load->wait_for(completed);
    }

    void wait_until_closed(Stage& stage, const std::string& rule) {
        for (CheckClient* client : {&one_, &two_})
            stage.wait_until(
                rule,
                fmt::format("bdev '{}' sends no BDK_BDEV_EVENT_REMOVE, or an I/O does not complete",
                            client->name()),
                [&] { return client->desc() == nullptr; }, client->thread());
        for (const auto& load : loads_)
            load->wait();
    }

private:
    /// The first I/O that is refused ends the load: the client is closing. Each has a half of its own: a disk
    /// gives overlapping I/O no order, and ThreadSanitizer would report a memory disk for that.
    static std::unique_ptr<CheckLoad> load_of(CheckClient& client, uint64_t half) {
        const uint64_t blocks = client.num_blocks() / 2 / client.unit() * client.unit();
        return std::make_unique<CheckLoad>(
            client,
            LoadOptions{.depth = 8, .first_block = half * blocks, .num_blocks = blocks, .verifies = false});
    }

    CheckClient one_, two_;
    std::unique_ptr<CheckLoad> loads_[2];
};

void check_idle(Stage& stage) {
    const std::string name = [&] {
        const CheckedBdev bdev(stage);
        return bdev.name();
    }();
    if (!stage.bdevs().empty())
        throw Broken{fmt::format("bdev '{}' is there after its removal", name), "no bdev"};
}

void check_open(Stage& stage) {
    const CheckedBdev bdev(stage);
    CheckClient client(stage, bdev.name());
    client.on_remove([] {});
    Removal removal(stage, bdev.name(), "remove.open");
    stage.wait_until("remove.open", "BDK_BDEV_EVENT_REMOVE has not come",
                     [&] { return client.events(BDK_BDEV_EVENT_REMOVE) != 0; });
    if (removal.has_ended())
        throw Broken{"removal ended while a desc was open", "an end after the last close"};
    client.close();
    removal.wait();
}

void check_load(Stage& stage, bdk_thread* other) {
    for (int round = 0; round < 5; round++) {
        const CheckedBdev bdev(stage);
        Users users(stage, bdev.name(), other);
        users.wait_for(uint64_t(round) * 50);
        Removal removal(stage, bdev.name(), "remove.load");
        users.wait_until_closed(stage, "remove.load");
        removal.wait();
    }
}

/// Takes the first base away and waits until nobody has it.
void remove_base(Stage& stage, const char* rule, const std::function<void()>& users_leave) {
    CheckingBdev* base = stage.bases().at(0);
    const std::string name = base->name();
    Removal removal(stage, name, rule);
    users_leave();
    removal.wait();
    stage.wait_until(rule, "the bdev is there after its base has gone",
                     [&] { return stage.bdevs().empty(); });
    stage.drop_bases();
}

void check_base_removed(Stage& stage) {
    need_base(stage);
    const CheckedBdev bdev(stage);
    remove_base(stage, "base.removed", [] {});
}

void check_base_removed_load(Stage& stage, bdk_thread* other) {
    for (int round = 0; round < 5; round++) {
        need_base(stage);
        const CheckedBdev bdev(stage);
        Users users(stage, bdev.name(), other);
        users.wait_for(uint64_t(round) * 50);
        remove_base(stage, "base.removed_load", [&] { users.wait_until_closed(stage, "base.removed_load"); });
    }
}

}  // namespace

void run_remove_case(CaseContext& context) {
    with_stage(context, {.reactors = 2}, [&](Stage& stage) {
        bdk_thread* other = stage.new_thread("other", 1);
        context.recorder.step("remove.idle", [&] { check_idle(stage); });
        context.recorder.step("remove.open", [&] { check_open(stage); });
        context.recorder.step("remove.load", [&] { check_load(stage, other); });
    });
}

void run_base_gone_case(CaseContext& context) {
    with_stage(context, {.reactors = 2}, [&](Stage& stage) {
        bdk_thread* other = stage.new_thread("other", 1);
        context.recorder.step("base.removed", [&] { check_base_removed(stage); });
        context.recorder.step("base.removed_load", [&] { check_base_removed_load(stage, other); });
    });
}

}  // namespace bdevkit::host

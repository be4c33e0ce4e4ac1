// SPDX-License-Identifier: BSD-3-Clause
// Removal of the bdev, and of its base, with and without load.
#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <thread>

#include "base/errno_text.hpp"
#include "check/case_stage.hpp"
#include "check/load.hpp"
#include "check/pattern.hpp"
#include "check/transfer.hpp"
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

    /// [main thread] Waits, at most as long as one step may take, until it has ended or `other` is true.
    bool ends_before(const std::function<bool()>& other) const {
        const auto deadline = std::chrono::steady_clock::now() + stage_.patience();
        while (!has_ended() && !other() && std::chrono::steady_clock::now() < deadline)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        return has_ended();
    }

    void wait() {
        if (ended_.wait_for(stage_.patience()) != std::future_status::ready)
            Recorder::instance().stuck(
                rule_, fmt::format("removal of '{}' has not ended {} ms after its last desc was "
                                   "closed",
                                   name_, stage_.patience().count()));
        if (const int rc = ended_.get(); rc != 0)
            throw Broken{fmt::format("removal of '{}' returned {}", name_, bdk::errno_text(rc)), "0"};
    }

private:
    Stage& stage_;
    const std::string name_, rule_;
    std::shared_ptr<std::promise<int>> promise_ = std::make_shared<std::promise<int>>();
    std::future<int> ended_;
};

/// Clients with load on two threads. They close the bdev when it is removed.
class ClientsOnTwoThreads {
public:
    ClientsOnTwoThreads(Stage& stage, const std::string& bdev, bdk_thread* other)
        : one_(stage, bdev), two_(stage, bdev, other), loads_{load_of(one_, 0), load_of(two_, 1)} {}

    void wait_for(uint64_t completed) {
        for (const auto& load : loads_)
            load->wait_for(completed);
    }

    /// [main thread] Whether both have closed the bdev.
    bool are_closed(Stage& stage) {
        bool closed = true;
        for (CheckClient* client : {&one_, &two_})
            stage.call_on(client->thread(), [&] { closed = closed && client->desc() == nullptr; });
        return closed;
    }

    /// Ends the load; the bdev stays open.
    void stop() {
        for (const auto& load : loads_) {
            load->stop();
            load->wait();
        }
    }

    void wait_until_closed(Stage& stage, const std::string& rule) {
        for (CheckClient* client : {&one_, &two_})
            stage.wait_until(
                rule,
                fmt::format("bdev '{}' sent no BDK_BDEV_EVENT_REMOVE, or an I/O did not complete",
                            client->name()),
                [&] { return client->desc() == nullptr; }, client->thread());
        for (const auto& load : loads_)
            load->wait();
    }

private:
    /// The first refused I/O ends the load, because the client is closing. Each client uses its own half: a
    /// disk does not order overlapping I/O, and ThreadSanitizer would report that in a memory disk.
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
        throw Broken{fmt::format("bdev '{}' exists after its removal", name), "no bdev"};
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
        ClientsOnTwoThreads users(stage, bdev.name(), other);
        users.wait_for(uint64_t(round) * 50);
        Removal removal(stage, bdev.name(), "remove.load");
        users.wait_until_closed(stage, "remove.load");
        removal.wait();
    }
}

/// The data at some places of a bdev, its last block included.
using Places = std::map<uint64_t, Bytes>;

Places read_places(CheckClient& client) {
    Places places;
    if (!client.supports(BDK_BDEV_IO_TYPE_READ)) return places;
    for (const uint64_t block : {uint64_t{0}, client.num_blocks() / 2, client.num_blocks() - 1})
        places[block] = read(client, block, 1);
    return places;
}

/// Empty for a bdev that stores no data.
Places make_places(Stage& stage, const std::string& bdev) {
    CheckClient client(stage, bdev);
    if (bdk_bdev_is_zoned(client.bdev()) || !client.supports(BDK_BDEV_IO_TYPE_READ) || !keeps_data(client))
        return {};
    const uint64_t units = client.num_blocks() / client.unit();
    for (const uint64_t unit : {uint64_t{0}, units / 2, units - 1})
        if (client.is_writable())
            write(client, unit * client.unit(), make_pattern(client.unit() * client.block_size(), unit + 1));
    return read_places(client);
}

/// Whether the bdev can be read now. Throws Broken when the data differ from `known`.
bool can_be_read(Stage& stage, const std::string& bdev, const Places& known) {
    Places seen;
    try {
        CheckClient client(stage, bdev);
        seen = read_places(client);
    } catch (const Broken&) {
        return false;  // it is being removed, or does not work without the lost base
    }
    for (const auto& [block, data] : known)
        expect_same(seen[block], data, fmt::format("read of block {} after the loss of a base", block),
                    uint32_t(data.size()));
    return true;
}

/// Waits until the bdev that has lost a base is gone or serves its data without it.
void wait_for_loss(Stage& stage, const char* rule, const std::string& bdev, const Places& known = {}) {
    const auto deadline = std::chrono::steady_clock::now() + stage.patience();
    while (!stage.bdevs().empty() && !can_be_read(stage, bdev, known)) {
        if (std::chrono::steady_clock::now() > deadline)
            Recorder::instance().stuck(
                rule, fmt::format("{} ms after its base was removed the bdev still exists and cannot be read",
                                  stage.patience().count()));
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

/// Removes the rest: a bdev that has survived, and other bases.
void clear(Stage& stage) {
    if (const int rc = stage.remove_all(); rc != 0)
        throw Broken{
            fmt::format("removal of a bdev without one of its bases returned {}", bdk::errno_text(rc)), "0"};
    stage.drop_bases();
}

void check_base_removed(Stage& stage) {
    constexpr const char* rule = "base.removed";
    need_base(stage);
    const CheckedBdev bdev(stage);
    const Places known = make_places(stage, bdev.name());
    Removal(stage, stage.bases().at(0)->name(), rule).wait();
    wait_for_loss(stage, rule, bdev.name(), known);
    clear(stage);
}

void check_base_removed_load(Stage& stage, bdk_thread* other) {
    constexpr const char* rule = "base.removed_load";
    for (int round = 0; round < 5; round++) {
        need_base(stage);
        const CheckedBdev bdev(stage);
        {
            ClientsOnTwoThreads users(stage, bdev.name(), other);
            users.wait_for(uint64_t(round) * 50);
            Removal removal(stage, stage.bases().at(0)->name(), rule);
            // The bdev tells its users of its removal, or serves them without the base.
            if (!removal.ends_before([&] { return users.are_closed(stage); }))
                users.wait_until_closed(stage, rule);
            users.stop();
            removal.wait();
        }
        wait_for_loss(stage, rule, bdev.name());
        clear(stage);
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

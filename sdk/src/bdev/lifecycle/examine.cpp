// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "bdev"
#include "bdev/lifecycle/examine.hpp"

#include <bdevkit/examine.h>
#include <bdevkit/log.h>
#include <bdevkit/poller.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "bdev/lifecycle/bdev_layer.hpp"
#include "bdev/lifecycle/client_data.hpp"
#include "bdev/lifecycle/examine_call.hpp"
#include "bdev/model/bdev_list.hpp"
#include "bdev/model/bdev_options.hpp"
#include "bdev/model/desc.hpp"
#include "bdev/model/module_state.hpp"
#include "log/no_memory.hpp"
#include "log/violation.hpp"
#include "thread/place.hpp"
#include "thread/poller.hpp"
#include "thread/post.hpp"

namespace bdk {

namespace {

/// A caller that waits until no bdev is being examined.
struct Waiter {
    bdk_bdev_wait_for_examine_cb cb;
    void* ctx;
    bdk_thread* thread;
};

/// The examination of one bdev.
struct Round {
    explicit Round(Bdev* examined) : bdev(examined) {}

    ListedBdev bdev;
    std::deque<const bdk_module*> left;  ///< modules that have not read it yet
    uint32_t held = 0;                   ///< above 0 while a step is under way further up the call stack
    uint64_t call = 0;                   ///< number of the module's call under way
    uint64_t since_ns = 0;               ///< when the current wait began
    bool ignores_descs = false;          ///< it has waited long enough for descs that are being closed
    bool in_time = true;
    std::vector<std::function<void(bool)>> waiters;
};

/// The state of all examinations, for the app thread only.
struct Examination {
    std::map<uint64_t, Round> rounds;  ///< by serial of the bdev
    std::vector<Waiter> waiters;
    std::vector<std::function<void()>> watchers;  ///< called at the end of any round
    std::set<std::string> asked;                  ///< the names, aliases and UUIDs that were asked for
    bdk_poller* impatience = nullptr;             ///< while there are rounds, and a little longer
};

Examination& state() {
    static Examination instance;
    return instance;
}

Round* find_round(uint64_t serial) {
    const auto found = state().rounds.find(serial);
    return found == state().rounds.end() ? nullptr : &found->second;
}

bool is_claimed(Bdev* bdev) {
    std::scoped_lock lock(bdev->mutex);
    return bdev->claim.type != BDK_BDEV_CLAIM_NONE;
}

void wake_waiters() {
    if (!state().rounds.empty()) return;
    for (Waiter& waiter : std::exchange(state().waiters, {}))
        post(waiter.thread, [waiter] { waiter.cb(waiter.ctx); });
}

void end_round(uint64_t serial) {
    auto ended = state().rounds.extract(serial);
    for (const auto& waiter : ended.mapped().waiters)
        waiter(ended.mapped().in_time);
    for (const auto& watcher : std::exchange(state().watchers, {}))
        watcher();
    wake_waiters();
}

/// True if a desc is being closed. Until it is gone it might prevent a claim; examine_desc_gone() continues.
bool waits_for_descs(const Round& round) {
    Bdev* bdev = round.bdev.bdev;
    std::scoped_lock lock(bdev->mutex);
    const bool closing = std::any_of(bdev->descs.begin(), bdev->descs.end(),
                                     [](const bdk_bdev_desc* desc) { return desc->closed.load(); });
    return bdev->examine_waits = closing && !round.ignores_descs;
}

/// One step. @return false when the round has ended or has to wait
bool step(uint64_t serial) {
    Round* round = find_round(serial);
    if (round == nullptr || round->held != 0 || round->call != 0) return false;
    const bool there = is_registered(round->bdev);
    round->since_ns = bdk_get_time_ns();
    if (there && waits_for_descs(*round)) return false;
    if (!there || round->left.empty()) {
        end_round(serial);
        return false;
    }
    const ModuleState* module = module_state(round->left.front());
    round->left.pop_front();
    if (module == nullptr || !module->ready || is_claimed(round->bdev.bdev)) return true;
    round->held++;
    const uint64_t call = call_examine_disk(*module, round->bdev.bdev);
    round = find_round(serial);
    if (round == nullptr) return false;
    round->held--;
    round->call = call;
    return true;
}

void go_on(uint64_t serial) {
    while (step(serial)) {
    }
}

/// `rc`: 0, or a negative errno of a module that could not look.
void end_call(uint64_t number, int rc) {
    const uint64_t serial = forget_examine_call(number, rc);
    if (Round* round = find_round(serial); round != nullptr && round->call == number) {
        round->call = 0;
        go_on(serial);
    }
}

/// Stops waiting for an examination that takes too long.
void give_up(uint64_t serial) {
    Round& round = *find_round(serial);
    const std::string module = examine_call_module(std::exchange(round.call, 0));
    BDK_ERRLOG(
        "bdev '%s': gave up waiting for its examination (examine_limit, %u ms): %s; bdevs that it "
        "finds appear later",
        round.bdev.bdev->name.c_str(), bdev_options().examine_limit_ms,
        module.empty() ? "a desc of it is still being closed" : ("module '" + module + "' reads it").c_str());
    round.ignores_descs = true;
    round.in_time = false;
    go_on(serial);
}

int look_for_late(void*) {
    const uint64_t now = bdk_get_time_ns(), limit = bdev_options().examine_limit_ms * uint64_t{1'000'000};
    std::vector<uint64_t> late;
    for (const auto& [serial, round] : state().rounds)
        if (round.held == 0 && now - round.since_ns > limit) late.push_back(serial);
    for (const uint64_t serial : late)
        if (find_round(serial) != nullptr) give_up(serial);
    if (state().rounds.empty()) bdk_poller_unregister(&state().impatience);
    return BDK_POLLER_IDLE;
}

void watch_rounds() {
    const uint64_t limit_ms = bdev_options().examine_limit_ms;
    if (limit_ms == 0 || state().impatience != nullptr) return;
    const uint64_t period_us = std::clamp<uint64_t>(limit_ms * 100, 1000, 1'000'000);
    state().impatience = bdk_poller_register(look_for_late, nullptr, period_us, "examine_limit");
}

// ---- which bdevs, which modules ----

/// True if the user has asked for the bdev by its name, an alias or its UUID.
bool is_asked_for(Bdev* bdev) {
    if (state().asked.empty()) return false;
    const std::vector<std::string> names = names_of(bdev);
    return std::any_of(names.begin(), names.end(),
                       [](const std::string& name) { return state().asked.contains(name); });
}

bool is_to_be_examined(Bdev* bdev) {
    return bdev_options().auto_examine || is_asked_for(bdev);
}

bool is_withheld(Bdev* bdev) {
    if (!holds_client_data(bdev) || is_asked_for(bdev)) return false;
    BDK_INFOLOG("bdev '%s' is not read by modules: clients may have written to it", bdev->name.c_str());
    return true;
}

/// Records the modules that will read the bdev. @return true if there are any
bool begin_round(Bdev* bdev, const std::vector<ModuleState*>& modules) {
    std::vector<const bdk_module*> readers;
    for (const ModuleState* module : modules)
        if (module->table.examine_disk != nullptr) readers.push_back(module->original);
    if (readers.empty() || is_claimed(bdev) || is_withheld(bdev)) return false;
    Round& round = state().rounds.try_emplace(bdev->serial, bdev).first->second;
    round.held++;
    for (const bdk_module* reader : readers)
        if (std::find(round.left.begin(), round.left.end(), reader) == round.left.end())
            round.left.push_back(reader);
    return true;
}

void examine_by(Bdev* bdev, const std::vector<ModuleState*>& modules) {
    ListedBdev listed(bdev);  // a call may remove it
    const bool reads = cannot_fail("an examination", [&] { return begin_round(bdev, modules); });
    for (const ModuleState* module : modules)
        if (is_registered(listed)) call_examine_config(*module, bdev);
    if (!reads) return;
    watch_rounds();
    if (Round* round = find_round(listed.serial); round != nullptr) round->held--;
    go_on(listed.serial);
}

std::vector<ModuleState*> ready_modules() {
    return cannot_fail("an examination", module_states);
}

}  // namespace

void examine_start(const BdevOptions& options) {
    state().asked.insert(options.examine.begin(), options.examine.end());
    note_client_data(options.client_bdevs);
}

void examine(Bdev* bdev) {
    const bool shown = cannot_fail("an examination", [=] {
        follow_client_data(bdev);
        return is_to_be_examined(bdev);
    });
    if (shown) examine_by(bdev, ready_modules());
}

void examine_all_by(const bdk_module* original) {
    ModuleState* module = module_state(original);
    if (module == nullptr) return;
    for (const ListedBdev& listed : listed_bdevs())
        if (is_registered(listed) && is_to_be_examined(listed.bdev)) examine_by(listed.bdev, {module});
}

void when_examined(const Bdev* bdev, std::function<void(bool)> ended) {
    if (Round* round = find_round(bdev->serial); round != nullptr)
        return round->waiters.push_back(std::move(ended));
    ended(true);
}

void examine_by_hand(const std::string& name, std::function<void(int)> done) {
    Bdev* bdev = nullptr;
    {
        std::unique_lock<std::mutex> lock;
        bdev = find_bdev(name, lock);
    }
    if (bdev == nullptr) return done(-ENODEV);
    if (!has_reading_modules()) return done(-ENOENT);
    if (is_claimed(bdev)) return done(-EPERM);
    state().asked.insert(bdev->name);
    const ListedBdev listed(bdev);
    examine_by(bdev, ready_modules());
    if (!is_registered(listed)) return done(0);
    when_examined(bdev, [done = std::move(done)](bool in_time) { done(in_time ? 0 : -ETIMEDOUT); });
}

bool is_being_examined(const Bdev* bdev) {
    return find_round(bdev->serial) != nullptr;
}

void when_one_examined(std::function<void()> ended) {
    state().watchers.push_back(std::move(ended));
}

bool is_any_examined() {
    return !state().rounds.empty();
}

bool has_reading_modules() {
    const std::vector<ModuleState*> modules = ready_modules();
    return std::any_of(modules.begin(), modules.end(),
                       [](const ModuleState* module) { return module->table.examine_disk != nullptr; });
}

std::vector<std::string> withheld_bdevs() {
    std::vector<std::string> names;
    for (Bdev* bdev : all_bdevs())
        if (!is_claimed(bdev) && holds_client_data(bdev) && !is_asked_for(bdev)) names.push_back(bdev->name);
    return names;
}

void examine_desc_gone(Bdev* bdev) {
    if (!bdev->examine_waits) return;
    bdev->examine_waits = false;
    post(bdk_thread_get_app_thread(), [serial = bdev->serial] { go_on(serial); });
}

void examine_reset() {
    bdk_poller_unregister(&state().impatience);
    state() = {};
    examine_calls_reset();
    client_data_reset();
}

void examine_forget(const bdk_module* module) {
    std::vector<uint64_t> serials;
    for (auto& [serial, round] : state().rounds) {
        std::erase(round.left, module);
        serials.push_back(serial);
    }
    for (const uint64_t number : examine_calls_of(module))
        end_call(number, 0);
    for (const uint64_t serial : serials)
        go_on(serial);
}

}  // namespace bdk

void bdk_examine_done(bdk_examine* examine, int rc) {
    if (!bdk::on_app_thread(BDK_ABI_CALL)) return;
    if (const uint64_t call = bdk::examine_call_of(examine); call != 0) return bdk::end_call(call, rc);
    bdk::report_violation({.rule = 0,
                           .what = "bdk_examine_done() of a call that has ended",
                           .object = "an examination",
                           .advice = "call it once for each examine_config and examine_disk",
                           .return_address = __builtin_return_address(0)});
}

int bdk_bdev_wait_for_examine(bdk_bdev_wait_for_examine_cb cb, void* ctx) {
    if (!bdk::on_bdk_thread(BDK_ABI_CALL) || cb == nullptr) return -EINVAL;
    bdk_thread* thread = bdk::current_thread();
    bdk::run_on(bdk_thread_get_app_thread(), [=] {
        bdk::cannot_fail("a wait for examination", [=] {
            bdk::state().waiters.push_back({cb, ctx, thread});
        });
        bdk::wake_waiters();
    });
    return 0;
}

int bdk_bdev_examine(const char* name) {
    if (!bdk::on_app_thread(BDK_ABI_CALL, {"bdev", name})) return -EINVAL;
    int rc = bdk::or_enomem([=] { return bdk::state().asked.insert(name).second ? 0 : -EEXIST; });
    if (rc != 0) return rc;
    bdk::Bdev* bdev = nullptr;
    {
        std::unique_lock<std::mutex> lock;
        bdev = bdk::find_bdev(name, lock);
    }
    if (bdev != nullptr) bdk::examine_by(bdev, bdk::ready_modules());
    return 0;
}

// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/examine.hpp"

#include <bdevkit/examine.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "base/no_memory.hpp"
#include "bdev/bdev_layer.hpp"
#include "bdev/bdev_list.hpp"
#include "bdev/post.hpp"
#include "diag/pending_calls.hpp"
#include "diag/place.hpp"
#include "diag/violation.hpp"
#include "module/module_state.hpp"
#include "thread/callback_scope.hpp"

namespace bdk {

namespace {

struct Waiter {
    bdk_bdev_wait_for_examine_cb cb;
    void* ctx;
    bdk_thread* thread;
};

struct Call {
    uint64_t number;  ///< see pending_calls.hpp
    const bdk_module* module;
};

/// All of it lives on the app thread.
struct Examination {
    std::vector<Call> calls;        ///< without their examine_done, oldest first
    std::vector<uint64_t> running;  ///< numbers of the calls that have not returned, innermost last
    std::vector<Waiter> waiters;
    std::set<std::string> asked;  ///< by hand
};

Examination& state() {
    static Examination instance;
    return instance;
}

bool is_claimed(Bdev* bdev) {
    std::scoped_lock lock(bdev->mutex);
    return bdev->claim.type != BDK_BDEV_CLAIM_NONE;
}

auto find_call(uint64_t number) {
    return std::find_if(state().calls.begin(), state().calls.end(),
                        [number](const Call& call) { return call.number == number; });
}

/// Calls the module. @return the number of the call if it has not ended yet, else 0
uint64_t call_examine(const ModuleState& module, Bdev* bdev, const char* name, void (*fn)(bdk_bdev*)) {
    uint64_t number =
        pending_call_begin({"module '", module.table.name, "': ", name, " of bdev '", bdev->name, "'"},
                           "bdk_bdev_module_examine_done");
    cannot_fail("an examination", [&] {
        state().calls.push_back({number, module.original});
        state().running.push_back(number);
    });
    call_in_scope(name, fn, bdev->pub);
    std::erase(state().running, number);
    return find_call(number) == state().calls.end() ? 0 : number;
}

void end_call(std::vector<Call>::iterator call) {
    pending_call_end(call->number);
    state().calls.erase(call);
}

void call_config(const ModuleState& module, Bdev* bdev) {
    if (module.table.examine_config == nullptr) return;
    uint64_t pending = call_examine(module, bdev, "examine_config", module.table.examine_config);
    if (pending == 0) return;
    end_call(find_call(pending));
    report_violation({.rule = 0,
                      .what = "examine_config returned without examine_done",
                      .object = module.table.name,
                      .advice = "call bdk_bdev_module_examine_done() before examine_config returns"});
}

void call_disk(const ModuleState& module, Bdev* bdev) {
    if (module.table.examine_disk == nullptr || is_claimed(bdev)) return;
    call_examine(module, bdev, "examine_disk", module.table.examine_disk);
}

/// The call that the module's examine_done ends: the innermost that has not returned, else the oldest.
std::vector<Call>::iterator call_to_end(const bdk_module* module) {
    for (auto number = state().running.rbegin(); number != state().running.rend(); ++number)
        if (auto call = find_call(*number); call != state().calls.end() && call->module == module)
            return call;
    return std::find_if(state().calls.begin(), state().calls.end(),
                        [module](const Call& call) { return call.module == module; });
}

/// By hand, a bdev is asked for by its name, an alias or its UUID.
bool is_to_be_examined(Bdev* bdev) {
    if (bdev_options().auto_examine) return true;
    return cannot_fail("an examination", [bdev] {
        std::scoped_lock lock(bdev->mutex);
        const auto& asked = state().asked;
        return asked.contains(bdev->name) || asked.contains(uuid_text(bdev->uuid)) ||
               std::any_of(bdev->aliases.begin(), bdev->aliases.end(),
                           [&](const std::string& alias) { return asked.contains(alias); });
    });
}

void wake_waiters() {
    if (!state().calls.empty()) return;
    for (Waiter& waiter : std::exchange(state().waiters, {}))
        post(waiter.thread, [waiter] { waiter.cb(waiter.ctx); });
}

std::vector<ModuleState*> ready_modules() {
    return cannot_fail("an examination", module_states);
}

void examine_now(Bdev* bdev) {
    ListedBdev listed(bdev);  // a call may remove it
    for (auto call : {call_config, call_disk})
        for (const ModuleState* module : ready_modules())
            if (is_registered(listed)) call(*module, bdev);
    wake_waiters();
}

}  // namespace

void examine_only(const std::vector<std::string>& names) {
    state().asked.insert(names.begin(), names.end());
}

void examine(Bdev* bdev) {
    if (is_to_be_examined(bdev)) examine_now(bdev);
}

void examine_all_by(const bdk_module* original) {
    const ModuleState* module = module_state(original);
    if (module == nullptr) return;
    for (auto call : {call_config, call_disk})
        for (const ListedBdev& listed : listed_bdevs())
            if (is_registered(listed) && is_to_be_examined(listed.bdev)) call(*module, listed.bdev);
}

std::vector<std::string> examining_modules() {
    std::set<std::string> names;
    for (const Call& call : state().calls)
        names.emplace(call.module->name);
    return {names.begin(), names.end()};
}

void examine_reset() {
    state() = {};
}

void examine_forget(const bdk_module* module) {
    std::erase_if(state().calls, [module](const Call& call) {
        if (call.module == module) pending_call_end(call.number);
        return call.module == module;
    });
    wake_waiters();
}

}  // namespace bdk

void bdk_bdev_module_examine_done(const bdk_module* module) {
    if (!bdk::on_app_thread(BDK_ABI_CALL, {"module", module->name})) return;
    auto call = bdk::call_to_end(module);
    if (call == bdk::state().calls.end()) {
        bdk::report_violation({.rule = 0,
                               .what = "bdk_bdev_module_examine_done() was called once too often",
                               .object = module->name,
                               .advice = "call it once for each examine_config and examine_disk",
                               .return_address = __builtin_return_address(0)});
        return;
    }
    bdk::end_call(call);
    bdk::wake_waiters();
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
    if (bdk::bdev_options().auto_examine) return -EINVAL;
    int rc = bdk::or_enomem([=] { return bdk::state().asked.insert(name).second ? 0 : -EEXIST; });
    if (rc != 0) return rc;
    bdk::Bdev* bdev = nullptr;
    {
        std::unique_lock<std::mutex> lock;
        bdev = bdk::find_bdev(name, lock);
    }
    if (bdev != nullptr) bdk::examine_now(bdev);
    return 0;
}

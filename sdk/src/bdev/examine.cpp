// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/examine.hpp"

#include <bdevkit/examine.h>

#include <cerrno>
#include <map>
#include <set>
#include <utility>

#include "bdev/bdev_layer.hpp"
#include "bdev/post.hpp"
#include "diag/violation.hpp"
#include "module/module_state.hpp"

namespace bdk {

namespace {

struct Waiter {
    bdk_bdev_wait_for_examine_cb cb;
    void* ctx;
    bdk_thread* thread;
};

/// All of it lives on the app thread.
struct Examination {
    std::map<const bdk_module*, uint32_t> pending;  ///< calls without their examine_done
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

void call_config(const ModuleState& module, Bdev* bdev) {
    if (module.table.examine_config == nullptr) return;
    uint32_t before = state().pending[module.original]++;
    module.table.examine_config(bdev->pub);
    if (state().pending[module.original] <= before) return;
    state().pending[module.original] = before;
    report_violation({.rule = 0,
                      .what = "examine_config returned without examine_done",
                      .object = module.table.name,
                      .advice = "call bdk_bdev_module_examine_done() before examine_config returns"});
}

void call_disk(const ModuleState& module, Bdev* bdev) {
    if (module.table.examine_disk == nullptr || is_claimed(bdev)) return;
    state().pending[module.original]++;
    module.table.examine_disk(bdev->pub);
}

/// True while the bdev of that name is the same and stays: an examine call may have removed it.
bool is_still_there(const std::string& name, const Bdev* bdev) {
    std::unique_lock<std::mutex> lock;
    return find_bdev(name, lock) == bdev;
}

void wake_waiters() {
    if (!examining_modules().empty()) return;
    for (Waiter& waiter : std::exchange(state().waiters, {}))
        post(waiter.thread, [waiter] { waiter.cb(waiter.ctx); });
}

void examine_now(Bdev* bdev) {
    std::string name = bdev->name;
    for (const ModuleState* module : module_states())
        if (is_still_there(name, bdev)) call_config(*module, bdev);
    for (const ModuleState* module : module_states())
        if (is_still_there(name, bdev)) call_disk(*module, bdev);
    wake_waiters();
}

}  // namespace

void examine(Bdev* bdev) {
    if (bdev_options().auto_examine || state().asked.contains(bdev->name)) examine_now(bdev);
}

void examine_all_by(const bdk_module* original) {
    const ModuleState* module = module_state(original);
    if (module == nullptr || !bdev_options().auto_examine) return;
    for (Bdev* bdev : all_bdevs())
        call_config(*module, bdev);
    for (Bdev* bdev : all_bdevs())
        call_disk(*module, bdev);
}

std::vector<std::string> examining_modules() {
    std::vector<std::string> names;
    for (const auto& [module, count] : state().pending)
        if (count != 0) names.emplace_back(module->name);
    return names;
}

void examine_reset() {
    state() = {};
}

void examine_forget(const bdk_module* module) {
    state().pending.erase(module);
    wake_waiters();
}

}  // namespace bdk

void bdk_bdev_module_examine_done(const bdk_module* module) {
    auto it = bdk::state().pending.find(module);
    if (it == bdk::state().pending.end() || it->second == 0) {
        bdk::report_violation({.rule = 0,
                               .what = "bdk_bdev_module_examine_done() was called once too often",
                               .object = module->name,
                               .advice = "call it once for each examine_config and examine_disk",
                               .return_address = __builtin_return_address(0)});
        return;
    }
    it->second--;
    bdk::wake_waiters();
}

int bdk_bdev_wait_for_examine(bdk_bdev_wait_for_examine_cb cb, void* ctx) {
    bdk_thread* thread = bdk::current_thread();
    if (thread == nullptr || cb == nullptr) return -EINVAL;
    bdk::run_on(bdk_thread_get_app_thread(), [=] {
        bdk::state().waiters.push_back({cb, ctx, thread});
        bdk::wake_waiters();
    });
    return 0;
}

int bdk_bdev_examine(const char* name) {
    if (bdk::bdev_options().auto_examine) return -EINVAL;
    if (!bdk::state().asked.insert(name).second) return -EEXIST;
    bdk::Bdev* bdev = nullptr;
    {
        std::unique_lock<std::mutex> lock;
        bdev = bdk::find_bdev(name, lock);
    }
    if (bdev != nullptr) bdk::examine_now(bdev);
    return 0;
}

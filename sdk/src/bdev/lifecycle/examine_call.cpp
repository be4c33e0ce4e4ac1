// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "bdev"
#include "bdev/lifecycle/examine_call.hpp"

#include <bdevkit/log.h>

#include <map>
#include <set>

#include "base/errno_text.hpp"
#include "bdev/lifecycle/examine.hpp"
#include "diag/pending_calls.hpp"
#include "log/no_memory.hpp"
#include "log/violation.hpp"
#include "thread/callback_scope.hpp"

namespace bdk {

namespace {

struct ExamineCall {
    const bdk_module* module;
    uint64_t serial;   ///< of the bdev
    std::string name;  ///< of the bdev, which may be gone by the end
};

/// The calls that have not ended, by number (pending_calls.hpp): the oldest first. For the app thread only.
std::map<uint64_t, ExamineCall>& examine_calls() {
    static std::map<uint64_t, ExamineCall> instance;
    return instance;
}

/// The handle that the module gets is the call's number, and points to nothing. Numbers are not used again,
/// so a handle that a module keeps too long is never taken for a later call's.
bdk_examine* handle_of(uint64_t number) {
    return reinterpret_cast<bdk_examine*>(static_cast<uintptr_t>(number));
}

/// Calls the module. @return the number of the call if it has not ended yet, else 0
uint64_t call_examine(const ModuleState& module, Bdev* bdev, const char* name,
                      decltype(bdk_module::examine_disk) fn) {
    const uint64_t number = pending_call_begin(
        {"module '", module.table.name, "': ", name, " of bdev '", bdev->name, "'"}, "bdk_examine_done");
    cannot_fail("an examination", [&] {
        examine_calls().emplace(number, ExamineCall{module.original, bdev->serial, bdev->name});
    });
    call_in_scope(name, fn, module.original, handle_of(number), bdev->pub);
    return examine_calls().contains(number) ? number : 0;
}

}  // namespace

void call_examine_config(const ModuleState& module, Bdev* bdev) {
    if (module.table.examine_config == nullptr) return;
    uint64_t pending = call_examine(module, bdev, "examine_config", module.table.examine_config);
    if (pending == 0) return;
    forget_examine_call(pending, 0);
    report_violation({.rule = 0,
                      .what = "examine_config returned without bdk_examine_done()",
                      .object = module.table.name,
                      .advice = "call bdk_examine_done() before examine_config returns"});
}

uint64_t call_examine_disk(const ModuleState& module, Bdev* bdev) {
    return call_examine(module, bdev, "examine_disk", module.table.examine_disk);
}

uint64_t examine_call_of(const bdk_examine* examine) {
    const auto number = static_cast<uint64_t>(reinterpret_cast<uintptr_t>(examine));
    return examine_calls().contains(number) ? number : 0;
}

std::vector<uint64_t> examine_calls_of(const bdk_module* module) {
    std::vector<uint64_t> numbers;
    for (const auto& [number, call] : examine_calls())
        if (call.module == module) numbers.push_back(number);
    return numbers;
}

std::string examine_call_module(uint64_t number) {
    const auto call = examine_calls().find(number);
    return call == examine_calls().end() ? "" : call->second.module->name;
}

uint64_t forget_examine_call(uint64_t number, int rc) {
    pending_call_end(number);
    const ExamineCall ended = std::move(examine_calls().extract(number).mapped());
    if (rc != 0) {
        BDK_ERRLOG("module '%s' could not examine bdev '%s': %s", ended.module->name, ended.name.c_str(),
                   errno_text(rc).c_str());
    }
    return ended.serial;
}

void examine_calls_reset() {
    examine_calls().clear();
}

std::vector<std::string> examining_modules() {
    std::set<std::string> names;
    for (const auto& [number, call] : examine_calls())
        names.emplace(call.module->name);
    return {names.begin(), names.end()};
}

}  // namespace bdk

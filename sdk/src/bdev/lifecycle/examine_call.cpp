// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/lifecycle/examine_call.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "bdev/lifecycle/examine.hpp"
#include "diag/pending_calls.hpp"
#include "log/no_memory.hpp"
#include "log/violation.hpp"
#include "thread/callback_scope.hpp"

namespace bdk {

namespace {

/// The calls that have not ended, for the app thread only.
struct ExamineCalls {
    std::map<uint64_t, ExamineCall> calls;             ///< by number (pending_calls.hpp): the oldest first
    std::multimap<const bdk_bdev*, uint64_t> of_bdev;  ///< the numbers of the calls for a bdev
    std::vector<uint64_t> running;                     ///< calls that have not returned, innermost last
};

ExamineCalls& calls_state() {
    static ExamineCalls instance;
    return instance;
}

/// Calls the module. @return the number of the call if it has not ended yet, else 0
uint64_t call_examine(const ModuleState& module, Bdev* bdev, const char* name, void (*fn)(bdk_bdev*)) {
    uint64_t number =
        pending_call_begin({"module '", module.table.name, "': ", name, " of bdev '", bdev->name, "'"},
                           "bdk_bdev_module_examine_done");
    cannot_fail("an examination", [&] {
        calls_state().calls.emplace(number, ExamineCall{module.original, bdev->pub, bdev->serial});
        calls_state().of_bdev.emplace(bdev->pub, number);
        calls_state().running.push_back(number);
    });
    call_in_scope(name, fn, bdev->pub);
    std::erase(calls_state().running, number);
    return calls_state().calls.contains(number) ? number : 0;
}

}  // namespace

void call_examine_config(const ModuleState& module, Bdev* bdev) {
    if (module.table.examine_config == nullptr) return;
    uint64_t pending = call_examine(module, bdev, "examine_config", module.table.examine_config);
    if (pending == 0) return;
    forget_examine_call(pending);
    report_violation({.rule = 0,
                      .what = "examine_config returned without examine_done",
                      .object = module.table.name,
                      .advice = "call bdk_bdev_module_examine_done() before examine_config returns"});
}

uint64_t call_examine_disk(const ModuleState& module, Bdev* bdev) {
    return call_examine(module, bdev, "examine_disk", module.table.examine_disk);
}

uint64_t examine_call_of(const bdk_module* module) {
    const auto& calls = calls_state().calls;
    for (auto number = calls_state().running.rbegin(); number != calls_state().running.rend(); ++number)
        if (auto call = calls.find(*number); call != calls.end() && call->second.module == module)
            return *number;
    const auto oldest = std::find_if(calls.begin(), calls.end(),
                                     [=](const auto& call) { return call.second.module == module; });
    return oldest == calls.end() ? 0 : oldest->first;
}

uint64_t examine_call_of(const bdk_module* module, const bdk_bdev* bdev) {
    const auto [begin, end] = calls_state().of_bdev.equal_range(bdev);
    const auto call = std::find_if(
        begin, end, [=](const auto& entry) { return calls_state().calls.at(entry.second).module == module; });
    return call == end ? 0 : call->second;
}

std::vector<uint64_t> examine_calls_of(const bdk_module* module) {
    std::vector<uint64_t> numbers;
    for (const auto& [number, call] : calls_state().calls)
        if (call.module == module) numbers.push_back(number);
    return numbers;
}

std::string examine_call_module(uint64_t number) {
    const auto call = calls_state().calls.find(number);
    return call == calls_state().calls.end() ? "" : call->second.module->name;
}

uint64_t forget_examine_call(uint64_t number) {
    pending_call_end(number);
    const auto call = calls_state().calls.find(number);
    const uint64_t serial = call->second.serial;
    const auto [begin, end] = calls_state().of_bdev.equal_range(call->second.bdev);
    calls_state().of_bdev.erase(
        std::find_if(begin, end, [=](const auto& entry) { return entry.second == number; }));
    calls_state().calls.erase(call);
    return serial;
}

void examine_calls_reset() {
    calls_state() = {};
}

std::vector<std::string> examining_modules() {
    std::set<std::string> names;
    for (const auto& [number, call] : calls_state().calls)
        names.emplace(call.module->name);
    return {names.begin(), names.end()};
}

}  // namespace bdk

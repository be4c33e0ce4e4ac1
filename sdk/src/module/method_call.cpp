// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "module"
#include "module/method_call.hpp"

#include <bdevkit/log.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "bdev/model/module_state.hpp"
#include "diag/pending_calls.hpp"
#include "json/json_text.hpp"
#include "json/json_writer.hpp"
#include "log/no_memory.hpp"
#include "log/violation.hpp"
#include "module/call_gate.hpp"
#include "thread/callback_scope.hpp"
#include "thread/place.hpp"

struct bdk_call {
    bdk::GatePass pass;
    const bdk_module* module = nullptr;
    bdk::CallDone done;
    bdk_json_writer result;
    std::string why;
    uint64_t pending = 0;  ///< see pending_calls.hpp
};

namespace bdk {

namespace {

/// All of it lives on the app thread.
struct Calls {
    std::vector<std::unique_ptr<bdk_call>> under_way;
};

Calls& calls() {
    static Calls instance;
    return instance;
}

auto find(const bdk_call* call) {
    return std::ranges::find(calls().under_way, call, &std::unique_ptr<bdk_call>::get);
}

bool is_under_way(const bdk_call* call) {
    return find(call) != calls().under_way.end();
}

std::string text_of(const bdk_json_writer& result) {
    return json_text(result.root());
}

void end(bdk_call* call, int rc) {
    auto& all = calls().under_way;
    const auto found = find(call);
    const std::unique_ptr<bdk_call> ended = std::move(*found);
    all.erase(found);
    pending_call_end(ended->pending);
    std::string text = std::move(ended->why);
    if (rc == 0)
        rc = or_enomem([&] {
            text = text_of(ended->result);
            return 0;
        });
    ended->done(rc, std::move(text));
}

/// An exception that leaves it is reported and becomes -EIO.
int run(const ModuleState& module, const bdk_method& method, bdk_call* call, const void* params) {
    try {
        return call_in_scope("method", method.call, module.original, &method, call, params, &call->result);
    } catch (const std::exception& error) {
        BDK_ERRLOG("module '%s': an exception left method '%s': %s", module.table.name, method.name,
                   error.what());
    } catch (...) {
        BDK_ERRLOG("module '%s': an exception left method '%s'", module.table.name, method.name);
    }
    return -EIO;
}

void report_ended(const char* what, const void* caller) {
    report_violation({.rule = 0,
                      .what = what,
                      .object = "a call that has ended",
                      .advice = "a call ends when `call` returns or, after BDK_PENDING, with one "
                                "bdk_module_call_done(): do not use it afterwards",
                      .return_address = caller});
}

}  // namespace

void module_call(const bdk_module* module, const bdk_method& method, const void* params, CallDone done) {
    const ModuleState* state = module_state(module);
    if (state == nullptr || !state->ready) return done(-ENOENT, {});
    auto owned = std::make_unique<bdk_call>();
    if (!owned->pass) return done(-ESHUTDOWN, {});
    bdk_call* call = owned.get();
    call->module = module;
    call->done = std::move(done);
    calls().under_way.push_back(std::move(owned));
    call->pending = pending_call_begin({"module '", state->table.name, "': method '", method.name, "'"},
                                       "bdk_module_call_done");
    const int rc = run(*state, method, call, params);
    if (rc != BDK_PENDING && is_under_way(call)) end(call, rc);
}

bool module_has_calls(const bdk_module* module) {
    const auto& all = calls().under_way;
    return std::any_of(all.begin(), all.end(), [&](const auto& call) { return call->module == module; });
}

}  // namespace bdk

void bdk_call_explain(bdk_call* call, const char* why) {
    if (!bdk::on_app_thread(BDK_ABI_CALL)) return;
    if (!bdk::is_under_way(call))
        return bdk::report_ended("bdk_call_explain() without a call under way", __builtin_return_address(0));
    // Without memory the explanation is dropped.
    bdk::or_enomem([&] {
        call->why = why != nullptr ? why : "";
        return 0;
    });
}

void bdk_module_call_done(bdk_call* call, int rc) {
    if (!bdk::on_app_thread(BDK_ABI_CALL)) return;
    if (!bdk::is_under_way(call))
        return bdk::report_ended("bdk_module_call_done() without a call under way",
                                 __builtin_return_address(0));
    bdk::end(call, rc);
}

// SPDX-License-Identifier: BSD-3-Clause
// Checks where a function of the ABI is called. Every function that is not [any thread] first calls one of
// the functions below. If it returns false, it has reported the rule, object, owner, caller and plugin; then
// the function returns an error and has done nothing.
//
//     void bdk_put_io_channel(bdk_io_channel* ch) {
//         if (!bdk::on_thread_of(ch->thread, BDK_ABI_CALL, {"io_channel of", name})) return;
#pragma once

#include <string_view>

#include "thread/thread.hpp"

namespace bdk {

/// One call of a function of the ABI.
struct AbiCall {
    const char* function;
    const void* caller;  ///< its return address, which names the plugin
};

/// Use it in the function of the ABI itself.
#define BDK_ABI_CALL (bdk::AbiCall{__func__, __builtin_return_address(0)})

/// The object of the call, for the report: "poller", "sweep".
struct Subject {
    std::string_view kind = {};
    std::string_view name = {};
    std::string_view advice = {};  ///< specific advice, if the usual advice is not enough
};

/// [any thread] Reports a call on a thread other than `owner`: as rule 4 outside a bdk thread, as `rule` on
/// another bdk thread.
[[gnu::cold]] BDK_INTERNAL void report_wrong_place(int rule, const bdk_thread* owner, AbiCall call,
                                                   Subject subject);

/// [any thread] Reports a call without the callback that it needs.
[[gnu::cold]] BDK_INTERNAL void report_no_callback(AbiCall call);

/// For a callback that a function of the ABI cannot do without.
template <typename Fn>
bool has_callback(Fn* callback, AbiCall call) {
    if (callback != nullptr) [[likely]]
        return true;
    report_no_callback(call);
    return false;
}

/// For functions marked [bdk thread].
inline bool on_bdk_thread(AbiCall call, Subject subject = {}) {
    if (current_thread() != nullptr) [[likely]]
        return true;
    report_wrong_place(4, nullptr, call, subject);
    return false;
}

/// For objects that belong to one thread: [channel's thread], [desc's thread], [owner's thread] and so
/// on.
inline bool on_thread_of(const bdk_thread* owner, AbiCall call, Subject subject = {}) {
    if (current_thread() == owner) [[likely]]
        return true;
    report_wrong_place(2, owner, call, subject);
    return false;
}

/// For functions marked [app thread].
inline bool on_app_thread(AbiCall call, Subject subject = {}) {
    const bdk_thread* app = bdk_thread_get_app_thread();
    if (app != nullptr && current_thread() == app) [[likely]]
        return true;
    report_wrong_place(2, app, call, subject);
    return false;
}

}  // namespace bdk

// SPDX-License-Identifier: BSD-3-Clause
// Where a function of the ABI may be called. Every function that is not [any thread] asks one of the
// questions below before it does anything. A "no" has been reported with rule, object, owner, caller and
// plugin; the function then returns an error and has done nothing.
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

/// To be written in the function of the ABI itself.
#define BDK_ABI_CALL (bdk::AbiCall{__func__, __builtin_return_address(0)})

/// What the call is about, for the report: "poller", "sweep".
struct Subject {
    std::string_view kind = {};
    std::string_view name = {};
    std::string_view advice = {};  ///< what to do instead, where the usual advice is not enough
};

/// [any thread] Reports a call on a thread other than `owner`: as rule 4 outside a bdk thread, as `rule` on
/// another one.
[[gnu::cold]] BDK_INTERNAL void report_wrong_place(int rule, const bdk_thread* owner, AbiCall call,
                                                   Subject subject);

/// For what the header marks [bdk thread].
inline bool on_bdk_thread(AbiCall call, Subject subject = {}) {
    if (current_thread() != nullptr) [[likely]]
        return true;
    report_wrong_place(4, nullptr, call, subject);
    return false;
}

/// For what belongs to one thread: [channel's thread], [desc's thread], [the poller's thread] and so on.
inline bool on_thread_of(const bdk_thread* owner, AbiCall call, Subject subject = {}) {
    if (current_thread() == owner) [[likely]]
        return true;
    report_wrong_place(2, owner, call, subject);
    return false;
}

/// For what the header marks [app thread].
inline bool on_app_thread(AbiCall call, Subject subject = {}) {
    const bdk_thread* app = bdk_thread_get_app_thread();
    if (app != nullptr && current_thread() == app) [[likely]]
        return true;
    report_wrong_place(2, app, call, subject);
    return false;
}

}  // namespace bdk

// SPDX-License-Identifier: BSD-3-Clause
#include "thread/place.hpp"

#include <string>

#include "log/violation.hpp"

namespace bdk {

void report_wrong_place(int rule, const bdk_thread* owner, AbiCall call, Subject subject) {
    const bool outside = current_thread() == nullptr;
    const std::string what =
        std::string(call.function) + (outside ? "() outside a bdk thread" : "() on the wrong thread");
    std::string object(subject.kind);
    if (!subject.name.empty()) object.append(object.empty() ? "'" : " '").append(subject.name).append("'");
    std::string_view advice = subject.advice;
    if (advice.empty())
        advice = owner != nullptr ? "send a message to the owner with bdk_thread_send_msg() and do it there"
                                  : "send a message to a bdk thread and do it there";
    report_violation({.rule = outside ? 4 : rule,
                      .what = what,
                      .object = object,
                      .owner = owner,
                      .advice = advice,
                      .return_address = call.caller});
}

void report_no_callback(AbiCall call) {
    report_violation({.rule = 0,
                      .what = std::string(call.function) + "() without its callback",
                      .advice = "give it the function to call",
                      .return_address = call.caller});
}

}  // namespace bdk

// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "rules"
#include "log/violation.hpp"

#include <bdevkit/log.h>
#include <bdevkit/thread.h>
#include <dlfcn.h>

#include <atomic>
#include <cstdlib>
#include <string>

#include "base/file_name.hpp"
#include "log/log.hpp"

namespace bdk {
namespace {

std::atomic<ViolationPolicy> g_policy{ViolationPolicy::fail_io};
std::atomic<uint64_t> g_count{0};

std::string thread_text(const bdk_thread* thread) {
    if (thread == nullptr) return "no bdk thread";
    return "thread '" + std::string(bdk_thread_get_name(thread)) + "' (" +
           std::to_string(bdk_thread_get_id(thread)) + ")";
}

std::string violation_text(const Violation& violation) {
    std::string text = violation.rule == 0 ? std::string("module rule broken: ")
                                           : "rule " + std::to_string(violation.rule) + " broken: ";
    text += violation.what;
    if (!violation.object.empty()) text.append("; object: ").append(violation.object);
    if (violation.owner != nullptr) text.append("; owner: ").append(thread_text(violation.owner));
    text.append("; caller: ").append(thread_text(bdk_get_thread()));
    if (violation.return_address != nullptr) {
        text.append("; plugin: ").append(object_name_of(violation.return_address));
    }
    if (!violation.advice.empty()) text.append("; instead: ").append(violation.advice);
    return text;
}

}  // namespace

void set_violation_policy(ViolationPolicy policy) {
    g_policy.store(policy, std::memory_order_relaxed);
}

void report_violation(const Violation& violation) {
    log_for_caller(BDK_LOG_ERROR, BDK_LOG_COMPONENT, __FILE__, __LINE__, violation.return_address,
                   violation_text(violation));
    g_count.fetch_add(1, std::memory_order_release);  // a thread that sees the count also sees the line
    if (g_policy.load(std::memory_order_relaxed) != ViolationPolicy::abort) return;
    flush_log(time_for_last_words);
    std::abort();
}

uint64_t violation_count() {
    return g_count.load(std::memory_order_acquire);
}

std::string_view object_name_of(const void* address) {
    Dl_info info{};
    if (address == nullptr || dladdr(address, &info) == 0 || info.dli_fname == nullptr) return "?";
    return file_name_of(info.dli_fname);
}

}  // namespace bdk

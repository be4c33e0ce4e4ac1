// SPDX-License-Identifier: BSD-3-Clause
// Broken rules of threading (docs/threading.md), found in every build.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/export.hpp"

struct bdk_thread;

namespace bdk {

enum class ViolationPolicy {
    fail_io,  ///< report it, refuse the call, continue
    abort,    ///< report it, then abort()
};

BDK_INTERNAL void set_violation_policy(ViolationPolicy policy);

/// One broken rule. Everything is optional but `rule` and `what`.
struct Violation {
    int rule;                           ///< 1 to 5 of docs/threading.md; 0 for a rule of the module interface
    std::string_view what;              ///< the faulty action: "bdk_put_io_channel() on the wrong thread"
    std::string_view object = {};       ///< its object: "io_channel of 'malloc'"
    const bdk_thread* owner = nullptr;  ///< the thread that owns the object
    std::string_view advice = {};       ///< what to do instead
    const void* return_address = nullptr;  ///< return address in the caller, which identifies the plugin
};

/// [any thread] Logs the violation with the calling thread and the plugin, counts it, and aborts if the
/// policy says so.
BDK_INTERNAL void report_violation(const Violation& violation);

/// [any thread] Violations reported so far in this process.
BDK_INTERNAL uint64_t violation_count();

/// [any thread] File name of the object that holds `address`, such as "malloc.so"; "?" if unknown.
BDK_INTERNAL std::string_view object_name_of(const void* address);

}  // namespace bdk

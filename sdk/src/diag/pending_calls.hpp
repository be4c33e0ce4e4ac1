// SPDX-License-Identifier: BSD-3-Clause
// Calls into modules that may end later, with a done call. The log names a call that does not end, so that a
// host that waits for it does not hang silently.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/export.hpp"

namespace bdk {

/// [any thread] A call begins. It is not watched if memory runs out. @param what the parts of "module 'raid':
/// create of bdev 'r0'" @param done the function that ends it: "bdk_module_create_done" @return its number,
/// never 0
uint64_t pending_call_begin(std::initializer_list<std::string_view> what, std::string_view done) noexcept;

/// [any thread] The same for a wait whose cause may change: `waits_for` returns the current text, such as
/// "bdk_bdev_close() of the desc that raid.so has opened on thread 'app' (1)". @param waits_for runs on any
/// thread until pending_call_end() has returned; must not begin or end a call
uint64_t pending_call_begin(std::initializer_list<std::string_view> what,
                            std::function<std::string()> waits_for) noexcept;

/// [any thread] The call has ended. An unknown number or 0 is ignored.
void pending_call_end(uint64_t call);

/// [app thread] Calls that take longer than `limit_ms` are reported, then again each time they have taken
/// twice as long; 0: never. Forgets all calls.
void pending_calls_start(uint32_t limit_ms);

/// [any thread] The number of calls that have ended in this process.
BDK_INTERNAL uint64_t pending_calls_ended();

/// [any thread] Every call that has not ended, oldest first: "module 'raid': init has not ended for 2.0 s:
/// bdk_module_init_done() is due".
BDK_INTERNAL std::vector<std::string> describe_pending_calls();

/// [app thread] The host is stopping.
void pending_calls_stop();

}  // namespace bdk

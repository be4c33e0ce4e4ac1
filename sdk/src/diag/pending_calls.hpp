// SPDX-License-Identifier: BSD-3-Clause
// Calls into modules that may end later, with a done call of theirs. One that does not end is named in the
// log, so that a host that waits for it does not hang without a word.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/export.hpp"

namespace bdk {

/// [any thread] A call begins. Where there is no memory for it, it is not watched.
/// @param what  the parts of "module 'raid': create of bdev 'r0'"
/// @param done  what ends it: "bdk_module_create_done"
/// @return its number, never 0
uint64_t pending_call_begin(std::initializer_list<std::string_view> what, std::string_view done) noexcept;

/// [any thread] As above, for a wait that can say at any time whom it waits for: "bdk_bdev_close() of the
/// desc that raid.so has opened on thread 'app' (1)".
/// @param waits_for  runs on any thread until pending_call_end() has returned; must not begin or end a call
uint64_t pending_call_begin(std::initializer_list<std::string_view> what,
                            std::function<std::string()> waits_for) noexcept;

/// [any thread] It has ended. A number that is unknown or 0 is ignored.
void pending_call_end(uint64_t call);

/// [app thread] Calls that take longer than `limit_ms` are reported, then again each time they have taken
/// twice as long; 0: never. Forgets all calls.
void pending_calls_start(uint32_t limit_ms);

/// [any thread] How many calls have ended in this process.
BDK_INTERNAL uint64_t pending_calls_ended();

/// [any thread] Every call that has not ended, oldest first: "module 'raid': init has not ended for 2.0 s:
/// bdk_module_init_done() is due".
BDK_INTERNAL std::vector<std::string> describe_pending_calls();

/// [app thread] The host ends.
void pending_calls_stop();

}  // namespace bdk

// SPDX-License-Identifier: BSD-3-Clause
// The calls of examine_config and examine_disk that have not been ended with bdk_examine_done().
#pragma once

#include <bdevkit/examine.h>

#include <cstdint>
#include <string>
#include <vector>

#include "bdev/model/bdev.hpp"
#include "bdev/model/module_state.hpp"

namespace bdk {

/// [app thread] Calls examine_config, which must end its call before it returns; otherwise it is reported.
void call_examine_config(const ModuleState& module, Bdev* bdev);

/// [app thread] Calls examine_disk. @return the number of the call, from 1 on; 0 if the call has ended
uint64_t call_examine_disk(const ModuleState& module, Bdev* bdev);

/// [app thread] The number of the call that got `examine`; 0: it has ended.
uint64_t examine_call_of(const bdk_examine* examine);

/// [app thread] All calls of the module.
std::vector<uint64_t> examine_calls_of(const bdk_module* module);

/// [app thread] The name of the call's module; "" if there is no such call.
std::string examine_call_module(uint64_t number);

/// [app thread] Ends a call. `rc`: 0, or a negative errno, which is logged. @return the serial of its bdev
uint64_t forget_examine_call(uint64_t number, int rc);

/// [app thread] Forgets all calls.
void examine_calls_reset();

}  // namespace bdk

// SPDX-License-Identifier: BSD-3-Clause
// Calls of modules' methods, from the call to its end.
#pragma once

#include <bdevkit/method.h>
#include <bdevkit/module.h>

#include <functional>
#include <string>

#include "base/export.hpp"

namespace bdk {

/// Ends a call. `rc`: 0 or a negative errno. `text`: the result, a JSON object; for a failed call the
/// module's explanation, which may be empty.
using CallDone = std::function<void(int rc, std::string text)>;

/// [app thread] Calls a method of a module that was added and whose init has succeeded. done(-ESHUTDOWN): the
/// call gate is closed (call_gate.hpp). @param method fields that the plugin's struct lacks are zero; kept by
/// the caller until the call has ended @param params the method's struct, likewise
BDK_INTERNAL void module_call(const bdk_module* module, const bdk_method& method, const void* params,
                              CallDone done);

/// [app thread] Whether the module has a call under way.
bool module_has_calls(const bdk_module* module);

}  // namespace bdk

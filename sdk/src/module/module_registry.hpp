// SPDX-License-Identifier: BSD-3-Clause
// The modules of the running host: init, creation and removal of their bdevs, fini. host/loader loads the
// files.
#pragma once

#include <bdevkit/bdev_module.h>
#include <bdevkit/module.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/done.hpp"
#include "base/export.hpp"

namespace bdk {

/// [app thread] Adds a module and runs its init. The table must outlive module_remove(). done(-EEXIST): the
/// name is already in use. A field beyond the module's `size` counts as zero.
BDK_INTERNAL void module_add(const bdk_module* module, Done done);

/// [app thread] Runs the module's fini and forgets it. Its bdevs must be gone and its calls (method_call.hpp)
/// have ended: done(-EBUSY) otherwise.
BDK_INTERNAL void module_remove(const bdk_module* module, Done done);

/// [app thread] The module of that name, or nullptr.
BDK_INTERNAL const bdk_module* module_find(std::string_view name);

/// [app thread] All modules, in the order of module_add().
BDK_INTERNAL std::vector<const bdk_module*> modules();

/// [app thread] Calls the module's create. `options` is the module's options struct, kept by the caller until
/// done. done(-ESHUTDOWN): the call gate is closed (call_gate.hpp).
BDK_INTERNAL void module_create_bdev(const bdk_module* module, std::string name, const void* options,
                                     Done done);

/// [app thread] Calls the module's remove, or bdk_bdev_unregister(); done when the bdev is gone.
/// done(-ENODEV): no such bdev.
BDK_INTERNAL void module_remove_bdev(std::string_view name, Done done);

/// [app thread] Calls the module's reconfigure. `options` is the module's options struct, kept by the caller
/// until done. done(-ENODEV): no such bdev; done(-ENOTSUP): the module's options are fixed; done(-ESHUTDOWN):
/// the call gate is closed.
BDK_INTERNAL void module_reconfigure_bdev(std::string_view name, const void* options, Done done);

/// [app thread] Removes every bdev, top-down, whatever the order of creation. done(first error, which is
/// logged) if some could not be removed.
BDK_INTERNAL void module_remove_all_bdevs(Done done);

}  // namespace bdk

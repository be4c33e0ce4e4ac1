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
/// @param abi_minor  that the plugin was built for
BDK_INTERNAL void module_add(const bdk_module* module, Done done, uint32_t abi_minor = BDK_ABI_MINOR);

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
/// done(-ENODEV): no such bdev. @param reason BDK_REMOVE_*
BDK_INTERNAL void module_remove_bdev(std::string_view name, Done done, uint32_t reason = BDK_REMOVE_BY_USER);

/// [app thread] Calls the module's reconfigure. `options` is the module's options struct, kept by the caller
/// until done. done(-ENODEV): no such bdev; done(-ENOTSUP): the module's options are fixed; done(-ESHUTDOWN):
/// the call gate is closed.
BDK_INTERNAL void module_reconfigure_bdev(std::string_view name, const void* options, Done done);

/// [app thread] Calls the module's resize. done(-ENODEV): no such bdev; done(-ENOTSUP): its size is fixed;
/// done(-EINVAL): `bytes` is no multiple of its blocks; done(-EBUSY): another resize is under way;
/// done(-ESHUTDOWN): the call gate is closed.
BDK_INTERNAL void module_resize_bdev(std::string_view name, uint64_t bytes, Done done);

/// [app thread] The extension of that name that a module has, or nullptr.
BDK_INTERNAL const void* module_extension(const bdk_module* module, const char* name);

/// [app thread] Tells every module that the host is about to remove the bdevs.
void modules_fini_start();

/// [app thread] Because the host stops: tells every module so (fini_start), and removes every bdev, top-down,
/// whatever the order of creation. done(first error, which is logged) if some could not be removed.
BDK_INTERNAL void module_remove_all_bdevs(Done done);

}  // namespace bdk

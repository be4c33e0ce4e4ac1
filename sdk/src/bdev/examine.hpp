// SPDX-License-Identifier: BSD-3-Clause
// Examination: each module is shown each bdev.
#pragma once

#include <string>
#include <vector>

#include "base/export.hpp"
#include "bdev/bdev.hpp"

struct bdk_module;

namespace bdk {

/// [app thread] Where examination is not automatic: the bdevs to examine all the same.
void examine_only(const std::vector<std::string>& names);

/// [app thread] Shows a new bdev to the modules, if automatic examination is on or was asked for by name.
void examine(Bdev* bdev);

/// [app thread] Shows every bdev to a module that came later.
void examine_all_by(const bdk_module* module);

/// [app thread] Modules that have not called bdk_bdev_module_examine_done() yet.
BDK_INTERNAL std::vector<std::string> examining_modules();

/// [app thread] Forgets what was asked for and counted.
void examine_reset();

/// [app thread] Forgets the examinations of a module that goes.
void examine_forget(const bdk_module* module);

}  // namespace bdk

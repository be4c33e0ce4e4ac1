// SPDX-License-Identifier: BSD-3-Clause
// Examination. Each module is shown each bdev: first by name (examine_config), then to be read
// (examine_disk), if the bdev is not claimed and holds no data of clients (client_data.hpp).
//
// Different bdevs are read in parallel, so a slow one delays only itself. One bdev is read by one module at a
// time, in the order in which the modules were added, so a desc of one module never prevents the claim of
// another. A module that builds on a bdev waits until the bdev's own examination has ended. The host waits no
// longer than `examine_limit` for a module; a bdev that the module creates afterwards simply appears later.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/export.hpp"
#include "bdev/model/bdev.hpp"
#include "bdev/model/bdev_options.hpp"

struct bdk_module;

namespace bdk {

/// [app thread] Takes over the options, which name bdevs that are examined and bdevs that are not.
void examine_start(const BdevOptions& options);

/// [app thread] Shows a new bdev to the modules, if automatic examination is on or the user has asked for the
/// bdev by name.
void examine(Bdev* bdev);

/// [app thread] Shows every bdev to a module that was added later.
void examine_all_by(const bdk_module* module);

/// [app thread] Calls ended(in_time) once no module reads the bdev, in this call or later. `in_time` is false
/// when the wait for a module was given up.
BDK_INTERNAL void when_examined(const Bdev* bdev, std::function<void(bool in_time)> ended);

/// [app thread] Shows a bdev to the modules once more, even if it holds data of clients. done(-ENODEV): no
/// such bdev; done(-EPERM): it is claimed, so no module may read it; done(-ENOENT): no module reads bdevs;
/// done(-ETIMEDOUT): a module takes longer than `examine_limit`.
BDK_INTERNAL void examine_by_hand(const std::string& name, std::function<void(int rc)> done);

/// [app thread] True while the bdev is being examined and the host waits for that.
BDK_INTERNAL bool is_being_examined(const Bdev* bdev);

/// [app thread] True while is_being_examined() holds for any bdev.
BDK_INTERNAL bool is_any_examined();

/// [app thread] Calls ended() once, at the end of the next examination of any bdev.
BDK_INTERNAL void when_one_examined(std::function<void()> ended);

/// [app thread] True if a module has examine_disk.
BDK_INTERNAL bool has_reading_modules();

/// [app thread] Names of bdevs that are not claimed, and not read because clients may have written to them.
BDK_INTERNAL std::vector<std::string> withheld_bdevs();

/// [app thread] Modules that have not yet called bdk_examine_done().
BDK_INTERNAL std::vector<std::string> examining_modules();

/// [any thread, bdev's mutex held] A desc of the bdev has gone; an examination may have waited for that.
void examine_desc_gone(Bdev* bdev);

/// [app thread] Forgets all requests and examinations.
void examine_reset();

/// [app thread] Forgets the examinations of a module that is being removed.
void examine_forget(const bdk_module* module);

}  // namespace bdk

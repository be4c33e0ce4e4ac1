// SPDX-License-Identifier: BSD-3-Clause
// Examination: each module is shown each bdev, by name (examine_config) and then, where the bdev is free and
// holds no data of clients (client_data.hpp), to be read (examine_disk).
//
// Different bdevs are read side by side, so that a slow one delays none but itself. One bdev is read by one
// module at a time, in the order in which the modules came: what one has open is never in the way of what
// another claims. Whoever builds on a bdev waits until its own examination has ended. A module that takes
// longer than `examine_limit` is not waited for; what it finds comes when it comes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/export.hpp"
#include "bdev/model/bdev.hpp"
#include "bdev/model/bdev_options.hpp"

struct bdk_module;

namespace bdk {

/// [app thread] Takes the options on, which name bdevs that are examined, and bdevs that are not.
void examine_start(const BdevOptions& options);

/// [app thread] Shows a new bdev to the modules, if automatic examination is on or was asked for by name.
void examine(Bdev* bdev);

/// [app thread] Shows every bdev to a module that came later.
void examine_all_by(const bdk_module* module);

/// [app thread] Calls ended(in_time) once no module reads the bdev, at once or later. `in_time` is false when
/// a module was not waited for any longer.
BDK_INTERNAL void when_examined(const Bdev* bdev, std::function<void(bool in_time)> ended);

/// [app thread] Shows a bdev to the modules once more, whatever clients have written to it. done(-ENODEV): no
/// such bdev; done(-EPERM): it is claimed, so that no module may read it; done(-ENOENT): there is no module
/// that reads bdevs; done(-ETIMEDOUT): one takes longer than `examine_limit`.
BDK_INTERNAL void examine_by_hand(const std::string& name, std::function<void(int rc)> done);

/// [app thread] True while the bdev is being examined and that is waited for.
BDK_INTERNAL bool is_being_examined(const Bdev* bdev);

/// [app thread] True while this holds for any bdev.
BDK_INTERNAL bool is_any_examined();

/// [app thread] Calls ended() once the examination of some bdev has ended.
BDK_INTERNAL void when_one_examined(std::function<void()> ended);

/// [app thread] True if a module reads bdevs to recognise them.
BDK_INTERNAL bool has_reading_modules();

/// [app thread] Names of bdevs that nobody has claimed and that are not read, since clients may have written
/// to them.
BDK_INTERNAL std::vector<std::string> withheld_bdevs();

/// [app thread] Modules that have not called bdk_bdev_module_examine_done() yet.
BDK_INTERNAL std::vector<std::string> examining_modules();

/// [any thread, bdev's mutex held] A desc of the bdev has gone: an examination may have waited for that.
void examine_desc_gone(Bdev* bdev);

/// [app thread] Forgets what was asked for and counted.
void examine_reset();

/// [app thread] Forgets the examinations of a module that goes.
void examine_forget(const bdk_module* module);

}  // namespace bdk

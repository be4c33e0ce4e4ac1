// SPDX-License-Identifier: BSD-3-Clause
// Which bdevs hold data that clients may have written. What clients write may look like anything, a partition
// table or the member of an array: a host that believed it would let a client decide how the next start goes.
// So these bdevs are not examined unless somebody asks for it.
//
// A bdev is known by its names, which outlive it: one that is removed and created again holds the same data.
// It is noted when the stack exports it or builds on it, and when anything but a module that has claimed it
// gets a channel to write to it; with it, what it stands on is noted. A bdev that stands on a noted one shows
// the same data, and counts as noted.
#pragma once

#include <string>
#include <vector>

#include "bdev/model/bdev.hpp"

namespace bdk {

/// [any thread] Notes these names, of bdevs that exist or will.
void note_client_data(const std::vector<std::string>& names);

/// [any thread] Notes the bdev, and what it stands on. Throws std::bad_alloc.
void note_client_data(Bdev* bdev);

/// [app thread] A bdev that has been registered under a noted name: notes what it stands on.
void follow_client_data(Bdev* bdev);

/// [app thread] True if clients may have written what is on the bdev.
bool holds_client_data(Bdev* bdev);

/// [app thread] Forgets all.
void client_data_reset();

}  // namespace bdk

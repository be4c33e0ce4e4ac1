// SPDX-License-Identifier: BSD-3-Clause
// Tracks which bdevs hold data that clients may have written. Such data may look like anything, such as a
// partition table or the member of an array. A host that believed it would let a client decide what the next
// start does. So these bdevs are not examined unless the user asks for it.
//
// A bdev is known by its names, which outlive it: a bdev that is removed and created again holds the same
// data. A bdev is noted when the stack exports it or builds on it, and when anything but a module that has
// claimed it gets a channel to write to it. Its bases are noted with it. A bdev that stands on a noted one
// shows the same data, and counts as noted.
#pragma once

#include <string>
#include <vector>

#include "bdev/model/bdev.hpp"

namespace bdk {

/// [any thread] Notes the names of bdevs that exist or may exist later.
void note_client_data(const std::vector<std::string>& names);

/// [any thread] Notes the bdev and its bases. Throws std::bad_alloc.
void note_client_data(Bdev* bdev);

/// [app thread] A bdev has been registered. If one of its names is noted, notes its bases.
void follow_client_data(Bdev* bdev);

/// [app thread] True if clients may have written what is on the bdev.
bool holds_client_data(Bdev* bdev);

/// [app thread] Forgets all names.
void client_data_reset();

}  // namespace bdk

// SPDX-License-Identifier: BSD-3-Clause
// The list of registered bdevs, and the names that lead to them.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bdev/bdev.hpp"

namespace bdk {

/// [app thread] Adds the bdev under its name, aliases and UUID. @return 0; -EEXIST (logged: which name).
int bdev_list_add(Bdev* bdev);

/// [app thread] Takes it out, with all its names.
void bdev_list_remove(Bdev* bdev);

/// [any thread] True if this bdev is in the list. It may be gone: the pointer is only compared.
bool is_registered(const Bdev* bdev);

/// [app thread] One more, or one less, alias. @return 0; -EEXIST; -ENOENT.
int bdev_list_add_alias(Bdev* bdev, const std::string& alias);
int bdev_list_remove_alias(Bdev* bdev, const std::string& alias);

/// "01234567-89ab-cdef-0123-456789abcdef"
std::string uuid_text(const bdk_uuid& uuid);

/// A UUID of version 5 (RFC 4122), always the same for the same name.
bdk_uuid uuid_from_name(const std::string& name);

}  // namespace bdk

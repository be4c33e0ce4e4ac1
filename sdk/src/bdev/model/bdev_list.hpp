// SPDX-License-Identifier: BSD-3-Clause
// The list of registered bdevs, and the names that lead to them.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/export.hpp"
#include "bdev/model/bdev.hpp"

namespace bdk {

/// [any thread] The bdev with that name, alias or UUID, or nullptr. The pointer is valid on the app thread,
/// and elsewhere while `lock` is held, which gets the lock of the list.
Bdev* find_bdev(std::string_view name, std::unique_lock<std::mutex>& lock);

/// [app thread] All bdevs, in the order of registration.
std::vector<Bdev*> all_bdevs();

/// [app thread] Adds the bdev under its name, aliases and UUID, and sets its struct's `internal`. @return 0;
/// -EEXIST when a name or the struct is already in use (the log says which).
int bdev_list_add(Bdev* bdev);

/// [app thread] Removes the bdev and all its names. Its struct stays in use until bdev_list_forget().
void bdev_list_remove(Bdev* bdev);

/// [any thread] The bdev that was registered with that struct and whose destruct has not ended; else nullptr.
/// Does not dereference the struct.
Bdev* bdev_of_struct(const bdk_bdev* pub);

/// [any thread] The module has let go of the struct. @return its bdev, now owned by the caller, if it has
/// been removed from the list; nullptr if its destruct is not under way or has ended
std::unique_ptr<Bdev> bdev_list_forget(const bdk_bdev* pub);

/// A bdev of the list that may be removed meanwhile: use it only while is_registered() is true.
struct ListedBdev {
    explicit ListedBdev(Bdev* listed) : bdev(listed), serial(listed->serial) {}
    Bdev* bdev;
    uint64_t serial;
};

/// [app thread] True while the bdev is in the list.
bool is_registered(const ListedBdev& listed);

/// [app thread] Like all_bdevs(), for a walk whose steps may remove bdevs.
std::vector<ListedBdev> listed_bdevs();

/// [app thread] The bases of a bdev that still exist. A module that has lost a base may still name it and
/// continue with the others.
BDK_INTERNAL std::vector<const Bdev*> bases_of(const bdk_bdev* bdev);

/// [app thread] The bdev registered last for which fits() is true, or nullptr. fits() runs with the list's
/// mutex held: it may lock a bdev's mutex, and must not call functions of the list.
Bdev* newest_bdev(const std::function<bool(Bdev*)>& fits);

/// [app thread] Adds or removes an alias. @return 0; -EEXIST; -ENOENT.
int bdev_list_add_alias(Bdev* bdev, const std::string& alias);
int bdev_list_remove_alias(Bdev* bdev, const std::string& alias);

/// [any thread] The bdev's name, UUID and aliases.
BDK_INTERNAL std::vector<std::string> names_of(Bdev* bdev);

/// "01234567-89ab-cdef-0123-456789abcdef"
std::string uuid_text(const bdk_uuid& uuid);

/// A UUID of version 5 (RFC 4122). The same name always has the same UUID.
bdk_uuid uuid_from_name(const std::string& name);

}  // namespace bdk

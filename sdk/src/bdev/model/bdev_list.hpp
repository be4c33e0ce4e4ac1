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

/// [any thread] The bdev of that name, alias or UUID, or nullptr. It is valid on the app thread only, or as
/// long as `lock`, which gets the lock of the list, is held.
Bdev* find_bdev(std::string_view name, std::unique_lock<std::mutex>& lock);

/// [app thread] All bdevs, in the order of registration.
std::vector<Bdev*> all_bdevs();

/// [app thread] Adds the bdev under its name, aliases and UUID, and sets its struct's `internal`. @return 0;
/// -EEXIST when a name or the struct is in use (logged: which).
int bdev_list_add(Bdev* bdev);

/// [app thread] Takes it out, with all its names. Its struct stays in use until bdev_list_forget().
void bdev_list_remove(Bdev* bdev);

/// [any thread] The bdev that was registered with that struct and whose destruct has not ended; else nullptr.
/// The struct is not looked at.
Bdev* bdev_of_struct(const bdk_bdev* pub);

/// [any thread] The module has let go of the struct. @return its bdev, the caller's now, if it has been taken
/// out of the list; else nullptr: its destruct is not under way, or has ended.
std::unique_ptr<Bdev> bdev_list_forget(const bdk_bdev* pub);

/// A bdev of the list that may go: to be looked at only while is_registered().
struct ListedBdev {
    explicit ListedBdev(Bdev* listed) : bdev(listed), serial(listed->serial) {}
    Bdev* bdev;
    uint64_t serial;
};

/// [app thread] True while it is in the list.
bool is_registered(const ListedBdev& listed);

/// [app thread] As all_bdevs(), for a walk whose steps may take bdevs away.
std::vector<ListedBdev> listed_bdevs();

/// [app thread] The bdevs it stands on, but for those that have gone: a module that lost one goes on with the
/// others, and may name it still.
BDK_INTERNAL std::vector<const Bdev*> bases_of(const bdk_bdev* bdev);

/// [app thread] The bdev registered last for which fits() says true, or nullptr. fits() is called with the
/// list's mutex held: it may take a bdev's, and calls nothing of the list.
Bdev* newest_bdev(const std::function<bool(Bdev*)>& fits);

/// [app thread] One more, or one less, alias. @return 0; -EEXIST; -ENOENT.
int bdev_list_add_alias(Bdev* bdev, const std::string& alias);
int bdev_list_remove_alias(Bdev* bdev, const std::string& alias);

/// [any thread] Its name, its UUID and its aliases.
BDK_INTERNAL std::vector<std::string> names_of(Bdev* bdev);

/// "01234567-89ab-cdef-0123-456789abcdef"
std::string uuid_text(const bdk_uuid& uuid);

/// A UUID of version 5 (RFC 4122), always the same for the same name.
bdk_uuid uuid_from_name(const std::string& name);

}  // namespace bdk

// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "bdev"
#include "bdev/bdev_list.hpp"

#include <bdevkit/log.h>

#include <algorithm>
#include <boost/uuid/name_generator.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <cerrno>
#include <cstring>
#include <map>
#include <new>
#include <unordered_map>

#include "diag/place.hpp"

namespace bdk {

namespace {

struct BdevList {
    std::mutex mutex;
    std::vector<Bdev*> bdevs;
    uint64_t last_serial = 0;
    std::map<std::string, Bdev*, std::less<>> by_name;  ///< names, aliases and UUIDs
    /// From the registration to the end of destruct, so that no struct is in use twice.
    std::unordered_map<const bdk_bdev*, Bdev*> by_struct;
};

BdevList& list() {
    static BdevList instance;
    return instance;
}

std::vector<std::string> names_of(const Bdev* bdev) {
    std::vector<std::string> names = bdev->aliases;
    names.push_back(bdev->name);
    names.push_back(uuid_text(bdev->uuid));
    return names;
}

/// With the mutex held.
void forget_names_of(const Bdev* bdev) {
    std::erase_if(list().by_name, [&](const auto& entry) { return entry.second == bdev; });
}

int refuse_name(const Bdev* bdev, const std::string& name) {
    BDK_ERRLOG("bdev '%s' cannot have the name '%s': a bdev has it already", bdev->name.c_str(),
               name.c_str());
    return -EEXIST;
}

int refuse_struct(const Bdev* bdev) {
    BDK_ERRLOG(
        "bdev '%s' of module '%s' is refused: its struct bdk_bdev is registered already; give each bdev a "
        "struct of its own, and use it again after destruct",
        bdev->name.c_str(), bdev->module_name.c_str());
    return -EEXIST;
}

}  // namespace

int bdev_list_add(Bdev* bdev) {
    std::scoped_lock lock(list().mutex);
    if (list().by_struct.contains(bdev->pub)) return refuse_struct(bdev);
    std::vector<std::string> names = names_of(bdev);
    for (const std::string& name : names)
        if (list().by_name.contains(name)) return refuse_name(bdev, name);
    try {
        for (const std::string& name : names)
            list().by_name.emplace(name, bdev);
        list().by_struct.emplace(bdev->pub, bdev);
        list().bdevs.push_back(bdev);
    } catch (const std::bad_alloc&) {
        list().by_struct.erase(bdev->pub);
        forget_names_of(bdev);
        throw;
    }
    bdev->pub->internal = bdev;
    bdev->is_listed = true;
    bdev->serial = ++list().last_serial;
    return 0;
}

void bdev_list_remove(Bdev* bdev) {
    std::scoped_lock lock(list().mutex);
    std::erase(list().bdevs, bdev);
    forget_names_of(bdev);
    bdev->is_listed = false;
}

Bdev* bdev_of_struct(const bdk_bdev* pub) {
    std::scoped_lock lock(list().mutex);
    auto it = list().by_struct.find(pub);
    return it == list().by_struct.end() ? nullptr : it->second;
}

std::unique_ptr<Bdev> bdev_list_forget(const bdk_bdev* pub) {
    std::scoped_lock lock(list().mutex);
    auto it = list().by_struct.find(pub);
    if (it == list().by_struct.end() || it->second->is_listed) return nullptr;
    std::unique_ptr<Bdev> bdev(it->second);
    list().by_struct.erase(it);
    return bdev;
}

bool is_registered(const ListedBdev& listed) {
    std::scoped_lock lock(list().mutex);
    return std::any_of(list().bdevs.begin(), list().bdevs.end(),
                       [&](const Bdev* bdev) { return bdev->serial == listed.serial; });
}

std::vector<ListedBdev> listed_bdevs() {
    std::scoped_lock lock(list().mutex);
    return {list().bdevs.begin(), list().bdevs.end()};
}

int bdev_list_add_alias(Bdev* bdev, const std::string& alias) {
    std::scoped_lock lock(list().mutex, bdev->mutex);
    if (list().by_name.contains(alias)) return refuse_name(bdev, alias);
    bdev->aliases.push_back(alias);
    try {
        list().by_name.emplace(alias, bdev);
    } catch (const std::bad_alloc&) {
        bdev->aliases.pop_back();
        throw;
    }
    return 0;
}

int bdev_list_remove_alias(Bdev* bdev, const std::string& alias) {
    std::scoped_lock lock(list().mutex, bdev->mutex);
    if (std::erase(bdev->aliases, alias) == 0) return -ENOENT;
    list().by_name.erase(alias);
    return 0;
}

Bdev* find_bdev(std::string_view name, std::unique_lock<std::mutex>& lock) {
    lock = std::unique_lock(list().mutex);
    auto it = list().by_name.find(name);
    return it == list().by_name.end() ? nullptr : it->second;
}

std::vector<Bdev*> all_bdevs() {
    std::scoped_lock lock(list().mutex);
    return list().bdevs;
}

std::vector<const Bdev*> bases_of(const bdk_bdev* bdev) {
    std::vector<const Bdev*> bases;
    if (!BDK_HAS_FIELD(bdev, bdk_bdev, bases) || bdev->bases == nullptr) return bases;
    std::scoped_lock lock(list().mutex);
    for (const bdk_bdev* const* base = bdev->bases; *base != nullptr; ++base) {
        const auto is_it = [&](const Bdev* listed) { return listed->pub == *base; };
        const auto found = std::find_if(list().bdevs.begin(), list().bdevs.end(), is_it);
        if (found != list().bdevs.end()) bases.push_back(*found);
    }
    return bases;
}

std::string uuid_text(const bdk_uuid& uuid) {
    boost::uuids::uuid value{};
    std::memcpy(value.data, uuid.bytes, sizeof(uuid.bytes));
    return boost::uuids::to_string(value);
}

bdk_uuid uuid_from_name(const std::string& name) {
    boost::uuids::name_generator_sha1 generator(boost::uuids::ns::oid());
    boost::uuids::uuid value = generator("bdevkit:" + name);
    bdk_uuid uuid{};
    std::memcpy(uuid.bytes, value.data, sizeof(uuid.bytes));
    return uuid;
}

}  // namespace bdk

bdk_bdev* bdk_bdev_get_by_name(const char* name) {
    if (!bdk::on_app_thread(BDK_ABI_CALL, {"bdev", name})) return nullptr;
    std::unique_lock<std::mutex> lock;
    bdk::Bdev* bdev = bdk::find_bdev(name, lock);
    return bdev == nullptr ? nullptr : bdev->pub;
}

int bdk_for_each_bdev(void* ctx, bdk_for_each_bdev_fn fn) {
    if (!bdk::on_app_thread(BDK_ABI_CALL)) return -EINVAL;
    for (const bdk::ListedBdev& listed : bdk::listed_bdevs()) {
        if (!bdk::is_registered(listed)) continue;  // fn may have removed it
        if (int rc = fn(ctx, listed.bdev->pub); rc != 0) return rc;
    }
    return 0;
}

int bdk_for_each_bdev_leaf(void* ctx, bdk_for_each_bdev_fn fn) {
    if (!bdk::on_app_thread(BDK_ABI_CALL)) return -EINVAL;
    for (const bdk::ListedBdev& listed : bdk::listed_bdevs()) {
        if (!bdk::is_registered(listed)) continue;
        bdk::Bdev* bdev = listed.bdev;
        bool claimed = false;
        {
            std::scoped_lock lock(bdev->mutex);
            claimed = bdev->claim.type != BDK_BDEV_CLAIM_NONE;
        }
        if (claimed) continue;
        if (int rc = fn(ctx, bdev->pub); rc != 0) return rc;
    }
    return 0;
}

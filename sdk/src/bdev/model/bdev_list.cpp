// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "bdev"
#include "bdev/model/bdev_list.hpp"

#include <bdevkit/log.h>

#include <algorithm>
#include <array>
#include <boost/uuid/name_generator_sha1.hpp>
#include <cerrno>
#include <cstring>
#include <map>
#include <new>
#include <unordered_map>

#include "thread/place.hpp"

namespace bdk {

namespace {

/// No step walks over all bdevs: with ten thousand bdevs, adding and removing one takes as long as with ten.
struct BdevList {
    std::mutex mutex;
    std::map<uint64_t, Bdev*> bdevs;  ///< by serial, that is in the order of registration
    uint64_t last_serial = 0;
    std::map<std::string, Bdev*, std::less<>> by_name;  ///< names, aliases and UUIDs
    /// Contains a struct from its registration to the end of destruct, so that no struct is in use twice.
    std::unordered_map<const bdk_bdev*, Bdev*> by_struct;
};

BdevList& list() {
    static BdevList instance;
    return instance;
}

using UuidText = std::array<char, 36>;

/// As in RFC 4122, without allocating memory.
UuidText format_uuid(const bdk_uuid& uuid) noexcept {
    constexpr std::string_view digits = "0123456789abcdef";
    UuidText text{};
    char* at = text.data();
    for (size_t i = 0; i < sizeof(uuid.bytes); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
        *at++ = digits[uuid.bytes[i] >> 4];
        *at++ = digits[uuid.bytes[i] & 15];
    }
    return text;
}

/// [mutex held]
void forget_name(const Bdev* bdev, std::string_view name) noexcept {
    const auto it = list().by_name.find(name);
    if (it != list().by_name.end() && it->second == bdev) list().by_name.erase(it);
}

/// [mutex held] The list's mutex guards the aliases too, like the bdev's own.
void forget_names_of(const Bdev* bdev) noexcept {
    for (const std::string& alias : bdev->aliases)
        forget_name(bdev, alias);
    forget_name(bdev, bdev->name);
    const UuidText uuid = format_uuid(bdev->uuid);
    forget_name(bdev, {uuid.data(), uuid.size()});
}

int refuse_name(const Bdev* bdev, const std::string& name) {
    BDK_ERRLOG("bdev '%s' cannot have the name '%s': already in use", bdev->name.c_str(), name.c_str());
    return -EEXIST;
}

int refuse_struct(const Bdev* bdev) {
    BDK_ERRLOG(
        "bdev '%s' of module '%s' is refused: its struct bdk_bdev is already registered; give each bdev its "
        "own struct, and reuse it only after destruct",
        bdev->name.c_str(), bdev->module_name.c_str());
    return -EEXIST;
}

}  // namespace

std::vector<std::string> names_of(Bdev* bdev) {
    std::vector<std::string> names = {bdev->name, uuid_text(bdev->uuid)};
    std::scoped_lock lock(bdev->mutex);
    names.insert(names.end(), bdev->aliases.begin(), bdev->aliases.end());
    return names;
}

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
        list().bdevs.emplace(++list().last_serial, bdev);
    } catch (const std::bad_alloc&) {
        list().by_struct.erase(bdev->pub);
        forget_names_of(bdev);
        throw;
    }
    bdev->pub->internal = bdev;
    bdev->is_listed = true;
    bdev->serial = list().last_serial;
    return 0;
}

void bdev_list_remove(Bdev* bdev) {
    std::scoped_lock lock(list().mutex);
    list().bdevs.erase(bdev->serial);
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
    return list().bdevs.contains(listed.serial);
}

std::vector<ListedBdev> listed_bdevs() {
    std::scoped_lock lock(list().mutex);
    std::vector<ListedBdev> result;
    result.reserve(list().bdevs.size());
    for (const auto& [serial, bdev] : list().bdevs)
        result.emplace_back(bdev);
    return result;
}

Bdev* newest_bdev(const std::function<bool(Bdev*)>& fits) {
    std::scoped_lock lock(list().mutex);
    const auto& bdevs = list().bdevs;
    const auto it =
        std::find_if(bdevs.rbegin(), bdevs.rend(), [&](const auto& entry) { return fits(entry.second); });
    return it == bdevs.rend() ? nullptr : it->second;
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
    std::vector<Bdev*> result;
    result.reserve(list().bdevs.size());
    for (const auto& [serial, bdev] : list().bdevs)
        result.push_back(bdev);
    return result;
}

std::vector<const Bdev*> bases_of(const bdk_bdev* bdev) {
    std::vector<const Bdev*> bases;
    if (!BDK_HAS_FIELD(bdev, bdk_bdev, bases) || bdev->bases == nullptr) return bases;
    std::scoped_lock lock(list().mutex);
    for (const bdk_bdev* const* base = bdev->bases; *base != nullptr; ++base)
        if (const auto it = list().by_struct.find(*base);
            it != list().by_struct.end() && it->second->is_listed)
            bases.push_back(it->second);
    return bases;
}

std::string uuid_text(const bdk_uuid& uuid) {
    const UuidText text = format_uuid(uuid);
    return {text.data(), text.size()};
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

int bdk_for_each_bdev(bdk_for_each_bdev_fn fn, void* ctx) {
    if (!bdk::on_app_thread(BDK_ABI_CALL)) return -EINVAL;
    for (const bdk::ListedBdev& listed : bdk::listed_bdevs()) {
        if (!bdk::is_registered(listed)) continue;  // fn may have removed it
        if (int rc = fn(listed.bdev->pub, ctx); rc != 0) return rc;
    }
    return 0;
}

int bdk_for_each_bdev_leaf(bdk_for_each_bdev_fn fn, void* ctx) {
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
        if (int rc = fn(bdev->pub, ctx); rc != 0) return rc;
    }
    return 0;
}

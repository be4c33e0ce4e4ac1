// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "bdev"
#include "bdev/lifecycle/claim.hpp"

#include <bdevkit/log.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/strict.hpp"
#include "bdev/model/claim.hpp"
#include "bdev/model/desc.hpp"
#include "log/no_memory.hpp"
#include "log/violation.hpp"
#include "thread/thread.hpp"

namespace bdk {

namespace {

/// A client's desc may write until the last of its I/O has ended, also after its close. A module's desc has
/// nothing in flight when the module closes it, because its I/O is part of I/O on the module's own bdev. So
/// the same base can be claimed again at once, although the close still goes from thread to thread.
bool may_write(const bdk_bdev_desc* desc) {
    return desc->write.load(std::memory_order_relaxed) &&
           !(desc->closed && desc->of_module.load(std::memory_order_relaxed));
}

bool has_other_writer(const Bdev* bdev, const bdk_bdev_desc* self) {
    return std::any_of(bdev->descs.begin(), bdev->descs.end(),
                       [&](const bdk_bdev_desc* desc) { return desc != self && may_write(desc); });
}

int refuse(const Bdev* bdev, const bdk_module* module, int rc, const std::string& reason) {
    BDK_ERRLOG("module '%s' cannot claim bdev '%s': %s", module->name, bdev->name.c_str(), reason.c_str());
    return rc;
}

bool is_shareable(const Claim& claim, uint32_t type, uint64_t key) {
    if (claim.type != type) return false;
    return type == BDK_BDEV_CLAIM_READ_MANY_WRITE_NONE ||
           (type == BDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED && claim.key == key);
}

}  // namespace

void release_claim_of(Bdev* bdev, const bdk_bdev_desc* desc) {
    std::erase_if(bdev->claim.holders, [&](const Claim::Holder& holder) { return holder.desc == desc; });
    if (bdev->claim.holders.empty()) bdev->claim = {};
}

namespace {

/// Throws std::bad_alloc without any effect.
int claim_by_module(bdk_bdev* pub, bdk_bdev_desc* desc, const bdk_module* module) {
    Bdev* bdev = Bdev::of(pub);
    if (desc != nullptr && desc->bdev != bdev)
        return refuse(bdev, module, -EINVAL, "the desc is of bdev '" + desc->bdev->name + "'");
    std::scoped_lock lock(bdev->mutex);
    if (bdev->claim.type != BDK_BDEV_CLAIM_NONE)
        return refuse(bdev, module, -EPERM, describe_claim(bdev->claim));
    if (desc != nullptr && has_other_writer(bdev, desc))
        return refuse(bdev, module, -EPERM, "another desc has it open for writing");
    bdev->claim = {BDK_BDEV_CLAIM_EXCL_WRITE, 0, {{nullptr, module->name, module}}};
    if (desc != nullptr) desc->write = desc->of_module = true;
    return 0;
}

/// @return 0, or -EINVAL or -E2BIG (logged) for options that this host does not know.
int check_opts(const bdk_bdev_claim_opts* opts) {
    if (opts == nullptr) return 0;
    if (int rc = check_size(opts, "bdk_bdev_claim_opts", 48); rc != 0) return rc;
    return check_bits("bdk_bdev_claim_opts.reserved", opts->reserved, 0);
}

/// Throws std::bad_alloc without any effect.
int claim_by_desc(bdk_bdev_desc* desc, uint32_t type, const bdk_bdev_claim_opts* opts,
                  const bdk_module* module) {
    if (int rc = check_opts(opts); rc != 0) return rc;
    uint64_t key = opts != nullptr ? opts->shared_claim_key : 0;
    bool named = opts != nullptr && opts->name[0] != '\0';
    std::string name =
        named ? std::string(opts->name, strnlen(opts->name, sizeof(opts->name))) : module->name;
    bool needs_key = type == BDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED;
    if (type < BDK_BDEV_CLAIM_READ_MANY_WRITE_ONE || type > BDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED ||
        (needs_key && key == 0))
        return -EINVAL;

    Bdev* bdev = desc->bdev;
    std::scoped_lock lock(bdev->mutex);
    if (bdev->claim.type != BDK_BDEV_CLAIM_NONE && !is_shareable(bdev->claim, type, key))
        return refuse(bdev, module, -EPERM, describe_claim(bdev->claim));
    bool shares = bdev->claim.type != BDK_BDEV_CLAIM_NONE;
    bool forbids_own_write = type == BDK_BDEV_CLAIM_READ_MANY_WRITE_NONE;
    if (!shares && has_other_writer(bdev, forbids_own_write ? nullptr : desc))
        return refuse(bdev, module, -EBUSY, "it is open for writing");
    if (forbids_own_write && desc->write)
        return refuse(bdev, module, -EBUSY, "the claiming desc is open for writing");
    bdev->claim.holders.push_back({desc, name});
    if (!forbids_own_write) desc->write = true;
    desc->of_module = true;
    bdev->claim.type = type;
    bdev->claim.key = key;
    return 0;
}

}  // namespace

}  // namespace bdk

using bdk::Bdev;

int bdk_bdev_module_claim_bdev(bdk_bdev* pub, bdk_bdev_desc* desc, const bdk_module* module) {
    if (!bdk::on_app_thread(BDK_ABI_CALL, {"claim by module", module->name})) return -EINVAL;
    return bdk::or_enomem([&] { return bdk::claim_by_module(pub, desc, module); });
}

int bdk_bdev_module_release_bdev(bdk_bdev* pub, const bdk_module* module) {
    if (!bdk::on_app_thread(BDK_ABI_CALL, {"claim of module", module->name})) return -EINVAL;
    Bdev* bdev = Bdev::of(pub);
    {
        std::scoped_lock lock(bdev->mutex);
        const bdk::Claim& claim = bdev->claim;
        if (claim.type == BDK_BDEV_CLAIM_EXCL_WRITE && claim.holders.front().module == module) {
            bdev->claim = {};
            return 0;
        }
    }
    bdk::report_violation({.rule = 0,
                           .what = "a module released a claim that it does not hold",
                           .object = module->name,
                           .advice = "release what bdk_bdev_module_claim_bdev() has claimed, once",
                           .return_address = __builtin_return_address(0)});
    return -EPERM;
}

int bdk_bdev_module_claim_bdev_desc(bdk_bdev_desc* desc, uint32_t type, const bdk_bdev_claim_opts* opts,
                                    const bdk_module* module) {
    if (!bdk::on_descs_thread(desc, BDK_ABI_CALL)) return -EINVAL;
    return bdk::or_enomem([&] { return bdk::claim_by_desc(desc, type, opts, module); });
}

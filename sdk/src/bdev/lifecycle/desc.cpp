// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "bdev"
#include "bdev/lifecycle/desc.hpp"

#include <bdevkit/log.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/strict.hpp"
#include "bdev/lifecycle/bdev.hpp"
#include "bdev/lifecycle/channel.hpp"
#include "bdev/lifecycle/claim.hpp"
#include "bdev/lifecycle/examine.hpp"
#include "bdev/model/bdev.hpp"
#include "bdev/model/bdev_list.hpp"
#include "bdev/model/channel.hpp"
#include "bdev/model/claim.hpp"
#include "bdev/model/desc.hpp"
#include "log/no_memory.hpp"
#include "log/violation.hpp"
#include "thread/callback_scope.hpp"
#include "thread/io_channel.hpp"
#include "thread/place.hpp"
#include "thread/post.hpp"

namespace bdk {

namespace {

/// [any thread, bdev's mutex held]
void send_event_to(bdk_bdev_desc* desc, uint32_t type) {
    desc->refs.fetch_add(1, std::memory_order_relaxed);
    post(desc->thread, [desc, type, bdev = desc->bdev->pub] {
        if (!desc->closed) call_in_scope("event callback", desc->event_cb, type, bdev, desc->event_ctx);
        desc->unref();
    });
}

/// The desc's last step, on its thread: nothing is in flight and no channel takes I/O.
void forget_desc(bdk_bdev_desc* desc) {
    Bdev* bdev = desc->bdev;
    bool destructs = false;
    {
        std::scoped_lock lock(bdev->mutex);
        std::erase(bdev->descs, desc);
        examine_desc_gone(bdev);
        destructs = begins_destruct(bdev);
    }
    current_thread()->open_handles.remove(desc);
    bdk_io_device_unregister(desc, [](void* io_device) { static_cast<bdk_bdev_desc*>(io_device)->unref(); });
    if (destructs) destruct_bdev(bdev);
}

}  // namespace

namespace {

std::string thread_name(const bdk_thread* thread) {
    return "thread '" + thread->name + "' (" + std::to_string(thread->id) + ")";
}

/// [desc's thread] The line of this desc in the list of the descs that its thread has open.
std::string describe_open(const void* handle) {
    const auto* desc = static_cast<const bdk_bdev_desc*>(handle);
    return "'" + desc->bdev->name + "', opened by " + std::string(object_name_of(desc->opener));
}

/// [app thread] Descs whose threads have exited without closing them.
std::vector<bdk_bdev_desc*>& orphans() {
    static std::vector<bdk_bdev_desc*> instance;
    return instance;
}

void close_orphan(void* handle) {
    auto* desc = static_cast<bdk_bdev_desc*>(handle);
    cannot_fail("the close of a desc", [desc] { orphans().push_back(desc); });
    bdk_bdev_close(desc);
}

/// [desc's thread] The thread exits and its desc is still open, so the app thread closes it. The memory stays
/// until the bdev layer ends, because the plugin at fault may still use it.
void abandon(void* handle) {
    auto* desc = static_cast<bdk_bdev_desc*>(handle);
    bdk_thread* app = bdk_thread_get_app_thread();
    if (current_thread() == app) return;  // the bdevs are gone
    desc->refs.fetch_add(1, std::memory_order_relaxed);
    {
        std::scoped_lock lock(desc->bdev->mutex);
        desc->thread = app;
    }
    send_always(app, close_orphan, desc);
}

/// Fills the desc and adds it to the bdev's descs. @return 0, -ENODEV or -EPERM.
int attach(bdk_bdev_desc* desc, const OpenRequest& request) {
    std::unique_lock<std::mutex> list_lock;
    Bdev* bdev = find_bdev(request.name, list_lock);
    if (bdev == nullptr) return -ENODEV;
    std::scoped_lock lock(bdev->mutex);
    if (bdev->status != BdevStatus::ready) return -ENODEV;
    if (request.writes() && bdev->claim.type != BDK_BDEV_CLAIM_NONE) {
        BDK_ERRLOG(
            "bdev '%s' cannot be opened for writing: %s; open it read-only, or open the bdev that stands on "
            "it",
            request.name, describe_claim(bdev->claim).c_str());
        return -EPERM;
    }
    desc->bdev = bdev;
    desc->thread = current_thread();
    desc->opener = request.call.caller;
    desc->hides_md =
        request.hides_metadata() && (bdk_bdev_is_md_interleaved(bdev->pub) || bdev->config.dif_type != 0);
    desc->write = request.writes();
    desc->event_cb = request.event_cb;
    desc->event_ctx = request.event_ctx;
    bdev->descs.push_back(desc);
    return 0;
}

void detach(bdk_bdev_desc* desc) {
    Bdev* bdev = desc->bdev;
    bool destructs = false;
    {
        std::scoped_lock lock(bdev->mutex);
        std::erase(bdev->descs, desc);
        destructs = begins_destruct(bdev);
    }
    if (destructs) destruct_bdev(bdev);
}

/// Makes the desc an io_device and adds it to its thread's open handles.
int make_usable(bdk_bdev_desc* desc) {
    return or_enomem([desc] {
        desc->thread->open_handles.add({desc, describe_open, abandon});
        int rc = bdk_io_device_register(desc, bdev_channel_create, bdev_channel_destroy, sizeof(BdevChannel),
                                        ("bdev:" + desc->bdev->name).c_str());
        if (rc != 0) desc->thread->open_handles.remove(desc);
        return rc;
    });
}

}  // namespace

int check_open(const OpenRequest& request) {
    if (request.event_cb == nullptr) {
        BDK_ERRLOG(
            "bdev '%s' was opened without an event callback: pass one; it tells when the bdev is removed",
            request.name);
        return -EINVAL;
    }
    return check_bits("bdk_bdev_open's flags", request.flags,
                      BDK_BDEV_OPEN_WRITE | BDK_BDEV_OPEN_HIDE_METADATA);
}

int open_desc(const OpenRequest& request, bdk_bdev_desc** result) {
    if (const int rc = check_open(request); rc != 0) return rc;
    return or_enomem([&] {
        auto desc = std::make_unique<bdk_bdev_desc>();
        if (int rc = attach(desc.get(), request); rc != 0) return rc;
        if (int rc = make_usable(desc.get()); rc != 0) {
            detach(desc.get());
            return rc;
        }
        *result = desc.release();
        return 0;
    });
}

void free_orphan_descs() {
    for (bdk_bdev_desc* desc : std::exchange(orphans(), {}))
        desc->unref();
}

std::string describe_descs(Bdev* bdev) {
    std::scoped_lock lock(bdev->mutex);
    std::string text;
    for (const bdk_bdev_desc* desc : bdev->descs) {
        std::string opened = "the desc that " + std::string(object_name_of(desc->opener)) +
                             " has opened on " + thread_name(desc->thread);
        text += text.empty() ? "" : "; ";
        text += desc->closed ? opened + " is closed and waits for its I/O in flight"
                             : "bdk_bdev_close() is due for " + opened;
    }
    return text.empty() ? "its descs are closed, and its destruct has not ended" : text;
}

void send_event(Bdev* bdev, uint32_t type) {
    std::scoped_lock lock(bdev->mutex);
    for (bdk_bdev_desc* desc : bdev->descs)
        send_event_to(desc, type);
}

}  // namespace bdk

using bdk::Bdev;

int bdk_bdev_open(const char* name, uint32_t flags, bdk_bdev_event_cb event_cb, void* event_ctx,
                  bdk_bdev_desc** result) {
    if (!bdk::on_bdk_thread(BDK_ABI_CALL, {"bdev", name})) return -EINVAL;
    return bdk::open_desc({name, flags, event_cb, event_ctx, BDK_ABI_CALL}, result);
}

void bdk_bdev_close(bdk_bdev_desc* desc) {
    if (desc->closed) {
        bdk::report_violation({.rule = 0,
                               .what = "a desc was closed twice",
                               .owner = desc->thread,
                               .advice = "close each desc once",
                               .return_address = __builtin_return_address(0)});
        return;
    }
    if (!bdk::on_descs_thread(desc, BDK_ABI_CALL)) return;
    {
        std::scoped_lock lock(desc->bdev->mutex);
        desc->closed = true;
        bdk::release_claim_of(desc->bdev, desc);
    }
    bdk::close_channels(desc, [desc] { bdk::forget_desc(desc); });
}

bdk_io_channel* bdk_bdev_get_io_channel(bdk_bdev_desc* desc) {
    if (!bdk::on_bdk_thread(BDK_ABI_CALL)) return nullptr;
    return bdk_get_io_channel(desc);
}

bdk_io_channel* bdk_bdev_io_channel_get_module_channel(bdk_io_channel* ch) {
    if (!bdk::on_channels_thread(ch, BDK_ABI_CALL)) return nullptr;
    return static_cast<bdk::BdevChannel*>(bdk::io_channel_ctx(ch))->module_ch;
}

// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "bdev"
#include "bdev/desc.hpp"

#include <bdevkit/log.h>

#include <cerrno>
#include <memory>
#include <string>

#include "base/no_memory.hpp"
#include "bdev/bdev.hpp"
#include "bdev/channel.hpp"
#include "bdev/claim.hpp"
#include "bdev/examine.hpp"
#include "bdev/post.hpp"
#include "diag/place.hpp"
#include "diag/violation.hpp"
#include "thread/io_channel.hpp"

namespace bdk {

namespace {

/// [any thread, bdev's mutex held]
void send_event_to(bdk_bdev_desc* desc, uint32_t type) {
    desc->refs.fetch_add(1, std::memory_order_relaxed);
    post(desc->thread, [desc, type, bdev = desc->bdev->pub] {
        if (!desc->closed) desc->event_cb(type, bdev, desc->event_ctx);
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
        release_claim_of(bdev, desc);
        examine_desc_gone(bdev);
        destructs = begins_destruct(bdev);
    }
    bdk_io_device_unregister(desc, [](void* io_device) { static_cast<bdk_bdev_desc*>(io_device)->unref(); });
    if (destructs) destruct_bdev(bdev);
}

}  // namespace

bool on_descs_thread(const bdk_bdev_desc* desc, AbiCall call) {
    return on_thread_of(desc->thread, call, {"desc of bdev", desc->bdev->name});
}

uint32_t block_size_of(const bdk_bdev_desc* desc) {
    const Bdev* bdev = desc->bdev;
    return desc->hides_md ? bdk_bdev_get_data_block_size(bdev->pub) : bdev->blocklen;
}

void send_event(Bdev* bdev, uint32_t type) {
    std::scoped_lock lock(bdev->mutex);
    for (bdk_bdev_desc* desc : bdev->descs)
        send_event_to(desc, type);
}

}  // namespace bdk

using bdk::Bdev;

namespace {

struct Opening {
    const char* name;
    bool write;
    bdk_bdev_event_cb event_cb;
    void* event_ctx;
    bool hide_metadata;
    bdk::AbiCall call;
};

int open(const Opening& opening, bdk_bdev_desc** result) {
    const auto& [name, write, event_cb, event_ctx, hide_metadata, call] = opening;
    bdk_thread* thread = bdk::current_thread();
    if (!bdk::on_bdk_thread(call, {"bdev", name})) return -EINVAL;
    if (event_cb == nullptr) {
        BDK_ERRLOG("bdev '%s' was opened without an event callback: give one, it tells when the bdev goes",
                   name);
        return -EINVAL;
    }
    auto desc = std::make_unique<bdk_bdev_desc>();
    {
        std::unique_lock<std::mutex> list_lock;
        Bdev* bdev = bdk::find_bdev(name, list_lock);
        if (bdev == nullptr) return -ENODEV;
        std::scoped_lock lock(bdev->mutex);
        if (bdev->status != bdk::BdevStatus::ready) return -ENODEV;
        if (write && bdev->claim.type != BDK_BDEV_CLAIM_NONE) {
            BDK_ERRLOG("bdev '%s' cannot be opened for writing: %s; open it read-only, or what stands on it",
                       name, bdk::describe_claim(bdev->claim).c_str());
            return -EPERM;
        }
        desc->bdev = bdev;
        desc->thread = thread;
        desc->hides_md =
            hide_metadata && (bdk_bdev_is_md_interleaved(bdev->pub) || bdev->config.dif_type != 0);
        desc->write = write;
        desc->event_cb = event_cb;
        desc->event_ctx = event_ctx;
        bdev->descs.push_back(desc.get());
    }
    Bdev* bdev = desc->bdev;
    int rc = bdk::or_enomem([&] {
        return bdk_io_device_register(desc.get(), bdk::bdev_channel_create, bdk::bdev_channel_destroy,
                                      sizeof(bdk::BdevChannel), ("bdev:" + bdev->name).c_str());
    });
    if (rc != 0) {
        bool destructs = false;
        {
            std::scoped_lock lock(bdev->mutex);
            std::erase(bdev->descs, desc.get());
            destructs = bdk::begins_destruct(bdev);
        }
        if (destructs) bdk::destruct_bdev(bdev);
        return rc;
    }
    *result = desc.release();
    return 0;
}

}  // namespace

int bdk_bdev_open_ext(const char* name, bool write, bdk_bdev_event_cb event_cb, void* event_ctx,
                      bdk_bdev_desc** result) {
    const Opening opening{name, write, event_cb, event_ctx, false, BDK_ABI_CALL};
    return bdk::or_enomem([&] { return open(opening, result); });
}

int bdk_bdev_open_ext_v2(const char* name, bool write, bdk_bdev_event_cb event_cb, void* event_ctx,
                         const bdk_bdev_open_opts* opts, bdk_bdev_desc** result) {
    const bool has_flags = opts != nullptr && BDK_HAS_FIELD(opts, bdk_bdev_open_opts, flags);
    const bool hide = has_flags && (opts->flags & BDK_BDEV_OPEN_HIDE_METADATA) != 0;
    const Opening opening{name, write, event_cb, event_ctx, hide, BDK_ABI_CALL};
    return bdk::or_enomem([&] { return open(opening, result); });
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
    desc->closed = true;
    bdk::close_channels(desc, [desc] { bdk::forget_desc(desc); });
}

bdk_bdev* bdk_bdev_desc_get_bdev(const bdk_bdev_desc* desc) {
    return desc->bdev->pub;
}

bool bdk_bdev_desc_is_writable(const bdk_bdev_desc* desc) {
    return desc->write.load(std::memory_order_relaxed);
}

uint32_t bdk_bdev_desc_get_block_size(const bdk_bdev_desc* desc) {
    return bdk::block_size_of(desc);
}

uint32_t bdk_bdev_desc_get_md_size(const bdk_bdev_desc* desc) {
    return desc->hides_md ? 0 : desc->bdev->md_len;
}

bool bdk_bdev_desc_is_md_interleaved(const bdk_bdev_desc* desc) {
    return !desc->hides_md && bdk_bdev_is_md_interleaved(desc->bdev->pub);
}

uint32_t bdk_bdev_desc_get_dif_type(const bdk_bdev_desc* desc) {
    return desc->hides_md ? 0 : desc->bdev->config.dif_type;
}

bdk_io_channel* bdk_bdev_get_io_channel(bdk_bdev_desc* desc) {
    if (!bdk::on_bdk_thread(BDK_ABI_CALL)) return nullptr;
    return bdk_get_io_channel(desc);
}

bdk_io_channel* bdk_bdev_io_channel_get_module_channel(bdk_io_channel* ch) {
    if (!bdk::on_channels_thread(ch, BDK_ABI_CALL)) return nullptr;
    return static_cast<bdk::BdevChannel*>(bdk::io_channel_ctx(ch))->module_ch;
}

// SPDX-License-Identifier: BSD-3-Clause
// Media events: ranges that a module reports as needing attention. Each desc keeps them until its holder has
// read them.
#include <bdevkit/bdev_module.h>

#include <algorithm>
#include <cerrno>

#include "bdev/lifecycle/desc.hpp"
#include "bdev/model/bdev.hpp"
#include "bdev/model/desc.hpp"
#include "log/no_memory.hpp"

using bdk::Bdev;

int bdk_bdev_push_media_events(bdk_bdev* pub, const bdk_bdev_media_event* events, uint32_t count) {
    constexpr size_t max_unread = 4096;
    if (!bdk::on_app_thread(BDK_ABI_CALL)) return -EINVAL;
    Bdev* bdev = Bdev::of(pub);
    uint64_t blockcnt = bdev->blockcnt.load(std::memory_order_relaxed);
    bool inside = std::all_of(events, events + count, [&](const bdk_bdev_media_event& event) {
        return event.num_blocks != 0 && event.num_blocks <= blockcnt &&
               event.offset_blocks <= blockcnt - event.num_blocks;
    });
    if (count == 0 || !inside) return -EINVAL;
    {
        std::scoped_lock lock(bdev->mutex);
        bool full = std::any_of(bdev->descs.begin(), bdev->descs.end(), [&](const bdk_bdev_desc* desc) {
            return desc->media_events.size() + count > max_unread;
        });
        if (full) return -ENOSPC;
        // Reserves room first, so that either every desc gets the events or none does.
        int rc = bdk::or_enomem([&] {
            for (bdk_bdev_desc* desc : bdev->descs)
                desc->media_events.reserve(desc->media_events.size() + count);
            return 0;
        });
        if (rc != 0) return rc;
        for (bdk_bdev_desc* desc : bdev->descs)
            desc->media_events.insert(desc->media_events.end(), events, events + count);
    }
    bdk::send_event(bdev, BDK_BDEV_EVENT_MEDIA_MANAGEMENT);
    return 0;
}

uint32_t bdk_bdev_get_media_events(bdk_bdev_desc* desc, bdk_bdev_media_event* events, uint32_t max) {
    if (!bdk::on_descs_thread(desc, BDK_ABI_CALL)) return 0;
    std::scoped_lock lock(desc->bdev->mutex);
    auto& unread = desc->media_events;
    uint32_t count = std::min<uint32_t>(max, static_cast<uint32_t>(unread.size()));
    std::copy_n(unread.begin(), count, events);
    unread.erase(unread.begin(), unread.begin() + count);
    return count;
}

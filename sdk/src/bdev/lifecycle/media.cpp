// SPDX-License-Identifier: BSD-3-Clause
// Media events: ranges that a module reports as needing attention. Each desc keeps them until its holder has
// read them.
#define BDK_LOG_COMPONENT "bdev"
#include <bdevkit/bdev_module.h>
#include <bdevkit/log.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/element.hpp"
#include "base/strict.hpp"
#include "bdev/lifecycle/desc.hpp"
#include "bdev/model/bdev.hpp"
#include "bdev/model/desc.hpp"
#include "log/no_memory.hpp"

using bdk::Bdev;

namespace bdk {

namespace {

using Event = bdk_bdev_media_event;

constexpr uint32_t event_least = 16;

/// Copies the events, and checks them. Throws std::bad_alloc. @return 0, -EINVAL or -E2BIG
int read_events(const Bdev* bdev, const Event* events, uint32_t count, uint32_t event_size,
                std::vector<Event>* result) {
    if (count == 0 || !is_element_size(event_size, event_least)) return -EINVAL;
    const uint64_t blockcnt = bdev->blockcnt.load(std::memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++) {
        const Event* given = element_at(events, i, event_size);
        const int rc = wrong_size(given, event_size, event_least, sizeof(Event));
        if (rc != 0) return refuse_size("bdk_bdev_media_event", event_size, sizeof(Event), rc);
        Event event{};
        copy_element(&event, sizeof(event), given, event_size);
        if (event.num_blocks == 0 || event.num_blocks > blockcnt ||
            event.offset_blocks > blockcnt - event.num_blocks)
            return -EINVAL;
        result->push_back(event);
    }
    return 0;
}

}  // namespace

}  // namespace bdk

int bdk_bdev_push_media_events(bdk_bdev* pub, const bdk_bdev_media_event* given, uint32_t count,
                               uint32_t event_size) {
    constexpr size_t max_unread = 4096;
    if (!bdk::on_app_thread(BDK_ABI_CALL)) return -EINVAL;
    Bdev* bdev = Bdev::of(pub);
    std::vector<bdk_bdev_media_event> events;
    if (int rc = bdk::or_enomem([&] { return bdk::read_events(bdev, given, count, event_size, &events); });
        rc != 0)
        return rc;
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
            desc->media_events.insert(desc->media_events.end(), events.begin(), events.end());
    }
    bdk::send_event(bdev, BDK_BDEV_EVENT_MEDIA_MANAGEMENT);
    return 0;
}

uint32_t bdk_bdev_get_media_events(bdk_bdev_desc* desc, bdk_bdev_media_event* events, uint32_t max,
                                   uint32_t event_size) {
    if (!bdk::on_descs_thread(desc, BDK_ABI_CALL)) return 0;
    if (!bdk::is_element_size(event_size, bdk::event_least)) {
        BDK_ERRLOG(
            "bdk_bdev_get_media_events(): event_size is %u: set it to sizeof(struct bdk_bdev_media_event)",
            event_size);
        return 0;
    }
    std::scoped_lock lock(desc->bdev->mutex);
    auto& unread = desc->media_events;
    uint32_t count = std::min<uint32_t>(max, static_cast<uint32_t>(unread.size()));
    for (uint32_t i = 0; i < count; i++)
        bdk::copy_element(bdk::element_at(events, i, event_size), event_size, &unread[i], sizeof(unread[i]));
    unread.erase(unread.begin(), unread.begin() + count);
    return count;
}

// SPDX-License-Identifier: BSD-3-Clause
// An open handle of a bdev.
#pragma once

#include <bdevkit/desc.h>

#include <atomic>
#include <vector>

#include "bdev/model/io_timeout.hpp"
#include "thread/place.hpp"

namespace bdk {

struct Bdev;

/// [any thread] The check for functions marked [desc's thread]: see place.hpp.
bool on_descs_thread(const bdk_bdev_desc* desc, AbiCall call);

/// [any thread] Bytes per block as the desc's user sees them: without metadata if they are hidden.
uint32_t block_size_of(const bdk_bdev_desc* desc);

}  // namespace bdk

/// An open handle. It is the io_device of its channels.
struct bdk_bdev_desc {
    bdk::Bdev* bdev = nullptr;
    bdk_thread* thread = nullptr;
    bool hides_md = false;  ///< BDK_BDEV_OPEN_HIDE_METADATA, on a bdev that has metadata to hide
    std::atomic<bool> write{false};
    std::atomic<bool> of_module{false};  ///< of a claim: its I/O is part of the I/O on another bdev
    std::atomic<bool> closed{false};     ///< set on the desc's thread, read by its channels on theirs
    const void* opener = nullptr;        ///< an address in the plugin that opened the desc
    bdk_bdev_event_cb event_cb = nullptr;
    void* event_ctx = nullptr;
    std::vector<bdk_bdev_media_event> media_events;  ///< unread; guarded by the bdev's mutex
    std::atomic<uint32_t> refs{1};                   ///< counts the open handle and each event under way

    bdk::IoTimeout timeout;  ///< guarded by the bdev's mutex

    void unref() noexcept {
        if (refs.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }
};

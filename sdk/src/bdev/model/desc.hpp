// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <bdevkit/desc.h>

#include <atomic>
#include <string>
#include <vector>

#include "bdev/control/timeout.hpp"
#include "thread/place.hpp"

namespace bdk {

struct Bdev;

/// [any thread] Sends an event to every desc of the bdev; it arrives on each desc's thread unless closed
/// before.
void send_event(Bdev* bdev, uint32_t type);

/// [any thread] For what the header marks [desc's thread]: see place.hpp.
bool on_descs_thread(const bdk_bdev_desc* desc, AbiCall call);

/// What opening a desc needs to know.
struct OpenRequest {
    const char* name;
    bool write;
    bdk_bdev_event_cb event_cb;
    void* event_ctx;
    bool hide_metadata;
    AbiCall call;  ///< who opens it
};

/// [bdk thread] Opens a desc. @return 0 with *result set, or a negative errno.
int open_desc(const OpenRequest& request, bdk_bdev_desc** result);

/// [app thread, at the end] Frees the descs that were closed for threads which had not closed them.
void free_orphan_descs();

/// [any thread] The flags of the options are looked at as far as they go; `opts` may be NULL.
bool hides_metadata(const bdk_bdev_open_opts* opts);

/// [any thread] Who holds the bdev: "bdk_bdev_close() is due for the desc that raid.so has opened on thread
/// 'app' (1)".
std::string describe_descs(Bdev* bdev);

/// [any thread] Bytes per block as the desc has them: without metadata where they are hidden.
uint32_t block_size_of(const bdk_bdev_desc* desc);

}  // namespace bdk

/// An open handle. It is the io_device of its channels.
struct bdk_bdev_desc {
    bdk::Bdev* bdev = nullptr;
    bdk_thread* thread = nullptr;
    bool hides_md = false;  ///< BDK_BDEV_OPEN_HIDE_METADATA, and there are some to hide
    std::atomic<bool> write{false};
    std::atomic<bool> of_module{false};  ///< has claimed: its I/O is part of the I/O on another bdev
    std::atomic<bool> closed{false};     ///< set on the desc's thread; its channels read it on theirs
    const void* opener = nullptr;        ///< an address in the plugin that has opened it
    bdk_bdev_event_cb event_cb = nullptr;
    void* event_ctx = nullptr;
    std::vector<bdk_bdev_media_event> media_events;  ///< unread; guarded by the bdev's mutex
    std::atomic<uint32_t> refs{1};                   ///< the open handle, and each event under way

    bdk::IoTimeout timeout;  ///< guarded by the bdev's mutex

    void unref() noexcept {
        if (refs.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }
};

// SPDX-License-Identifier: BSD-3-Clause
// Opening and closing a bdev, and the events that its holders get.
#pragma once

#include <string>

#include "bdev/model/desc.hpp"

namespace bdk {

/// [any thread] Sends an event to every desc of the bdev; it arrives on each desc's thread unless closed
/// before.
void send_event(Bdev* bdev, uint32_t type);

/// What opening a desc needs to know.
struct OpenRequest {
    const char* name;
    bool write;
    bdk_bdev_event_cb event_cb;
    void* event_ctx;
    bool hide_metadata;
    AbiCall call;  ///< the call that opens it
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

}  // namespace bdk

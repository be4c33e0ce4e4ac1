// SPDX-License-Identifier: BSD-3-Clause
// Opening and closing a bdev, and the events that its descs get.
#pragma once

#include <string>

#include "bdev/model/desc.hpp"

namespace bdk {

/// [any thread] Sends an event to every desc of the bdev. It arrives on each desc's thread unless the desc is
/// closed first.
void send_event(Bdev* bdev, uint32_t type);

/// The parameters of an open.
struct OpenRequest {
    const char* name;
    uint32_t flags;  ///< BDK_BDEV_OPEN_*
    bdk_bdev_event_cb event_cb;
    void* event_ctx;
    AbiCall call;  ///< the call that opens it

    bool writes() const noexcept { return (flags & BDK_BDEV_OPEN_WRITE) != 0; }
    bool hides_metadata() const noexcept { return (flags & BDK_BDEV_OPEN_HIDE_METADATA) != 0; }
};

/// [any thread] Checks the parameters that need no bdev. @return 0 or -EINVAL (logged)
int check_open(const OpenRequest& request);

/// [bdk thread] Opens a desc. @return 0 with *result set, or a negative errno.
int open_desc(const OpenRequest& request, bdk_bdev_desc** result);

/// [app thread, at the end] Frees the descs that were closed on behalf of threads that had not closed them.
void free_orphan_descs();

/// [any thread] What holds the bdev: "bdk_bdev_close() is due for the desc that raid.so has opened on thread
/// 'app' (1)".
std::string describe_descs(Bdev* bdev);

}  // namespace bdk

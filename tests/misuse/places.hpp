// SPDX-License-Identifier: BSD-3-Clause
// A call of each function of the ABI, and where it may be called.
#pragma once

#include <bdevkit/bdevkit.h>

#include <atomic>
#include <vector>

namespace bdk::test {

enum class Place {
    any,        ///< [any thread]
    bdk,        ///< [bdk thread]
    app,        ///< [app thread]
    owner,      ///< belongs to one thread: [channel's thread], [desc's thread] and so on
    submitter,  ///< [the submitter's thread]
    completes,  ///< likewise; elsewhere it is reported, and taken there
    goes_on,    ///< likewise of a walk: reported, and it goes on
};

/// What the calls are about. All of it belongs to the app thread.
struct Things {
    bdk_bdev* bdev = nullptr;
    bdk_bdev_desc* desc = nullptr;
    bdk_io_channel* ch = nullptr;
    bdk_bdev_io* done = nullptr;   ///< completed, and the client's
    bdk_bdev_io* zcopy = nullptr;  ///< likewise, a zcopy start
    bdk_bdev_io* held = nullptr;   ///< the module's
    bdk_bdev_io* fresh = nullptr;  ///< likewise, another one for each call that completes it
    bdk_bdev* unregistered = nullptr;
    void* device = nullptr;                ///< an io_device
    bdk_io_channel_iter* visit = nullptr;  ///< a walk that waits for its visit to go on, one for each call
    bdk_thread* app = nullptr;
    bdk_poller* poller = nullptr;
    bdk_interrupt* interrupt = nullptr;
    bdk_iobuf_channel* iobuf = nullptr;
    void* iobuf_buffer = nullptr;
    bdk_notify* watch = nullptr;
    bdk_bdev_range* range = nullptr;  ///< locked
    bdk_create* create = nullptr;
    bdk_remove* remove = nullptr;
    bdk_reconfigure* reconfigure = nullptr;
    bdk_call* call = nullptr;
    const bdk_module* module = nullptr;
    bdk_json_writer* json = nullptr;
    std::atomic<int> effects{0};  ///< callbacks that ran and did not say -EINVAL
};

struct AbiFunction {
    const char* name;
    Place place;
    /// Calls it with arguments that are right. @return false when it did not refuse, where it can say so.
    /// nullptr for what only reads an object that there is in a callback alone.
    bool (*call)(Things& things);
};

const std::vector<AbiFunction>& abi_functions();

}  // namespace bdk::test

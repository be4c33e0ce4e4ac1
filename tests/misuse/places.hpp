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
    completes,  ///< [the submitter's thread]; elsewhere it is reported and sent to the right thread
    goes_on,    ///< for a walk: elsewhere it is reported, and the walk continues
};

/// The objects that the calls use. All of them belong to the app thread.
struct Things {
    bdk_bdev* bdev = nullptr;
    bdk_bdev_desc* desc = nullptr;
    bdk_io_channel* ch = nullptr;
    bdk_bdev_io* done = nullptr;   ///< completed, owned by the client
    bdk_bdev_io* zcopy = nullptr;  ///< completed, owned by the client: a zcopy start
    bdk_bdev_io* held = nullptr;   ///< owned by the module
    bdk_bdev_io* fresh = nullptr;  ///< owned by the module, a new one for each call that completes it
    bdk_bdev* unregistered = nullptr;
    void* device = nullptr;                ///< an io_device
    bdk_io_channel_iter* visit = nullptr;  ///< an unfinished visit of a walk, a new one for each call
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
    bdk_examine* examine = nullptr;
    const bdk_module* module = nullptr;
    bdk_json_writer* json = nullptr;
    std::atomic<int> effects{0};  ///< callbacks that ran and did not say -EINVAL
};

struct AbiFunction {
    const char* name;
    Place place;
    /// Calls the function with valid arguments. @return false if a call that must be refused had an
    /// effect, as far as that can be seen. nullptr for a function that only reads an object which exists only
    /// in a callback.
    bool (*call)(Things& things);
};

const std::vector<AbiFunction>& abi_functions();

}  // namespace bdk::test

// SPDX-License-Identifier: BSD-3-Clause
// io_devices and io_channels (see docs/threading.md), and the parts that the I/O path uses inline.
#pragma once

#include <bdevkit/io_channel.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "thread/place.hpp"
#include "thread/thread.hpp"

namespace bdk {

struct IoDevice;

}  // namespace bdk

/// Its context follows, ctx_size bytes.
struct alignas(64) bdk_io_channel {
    bdk_thread* thread = nullptr;
    void* io_device = nullptr;
    bdk::IoDevice* device = nullptr;  ///< nullptr once destroyed
    bdk_io_channel_destroy_cb destroy_cb = nullptr;
    /// Asked before destruction; true keeps the channel until it has been referenced and put once more.
    bool (*is_busy)(void* ctx) = nullptr;
    uint32_t refs = 0;
    uint32_t ctx_size = 0;
    uint32_t destroys_due = 0;  ///< messages under way that will check whether to destroy it
    uint32_t place = 0;         ///< in the thread's table
    uint32_t number = 0;        ///< increases in the order in which create callbacks of the thread return
};
static_assert(sizeof(bdk_io_channel) % 64 == 0, "the context is aligned to 64");

namespace bdk {

/// [any thread] Inline version of bdk_io_channel_get_ctx().
inline void* io_channel_ctx(bdk_io_channel* ch) noexcept {
    return ch + 1;
}

/// [any thread] Inline version of bdk_io_channel_from_ctx().
inline bdk_io_channel* io_channel_from_ctx(void* ctx) noexcept {
    return static_cast<bdk_io_channel*>(ctx) - 1;
}

struct IoDevice {
    void* key = nullptr;
    bdk_io_channel_create_cb create_cb = nullptr;
    bdk_io_channel_destroy_cb destroy_cb = nullptr;
    /// Asked before destruction; true keeps the channel until it has been referenced and put once more.
    bool (*is_busy)(void* ctx) = nullptr;
    uint32_t ctx_size = 0;
    std::string name;

    /// No new channels. Set once, under the mutex; read without it.
    std::atomic<bool> unregistered{false};

    // Under the mutex of IoDeviceTable.
    uint32_t channel_refs = 0;  ///< number of channels, including those being created
    uint32_t walks = 0;         ///< bdk_for_each_channel() calls that have not ended
    bdk_io_device_unregister_cb unregister_cb = nullptr;
    bdk_thread* unregister_thread = nullptr;
    std::chrono::steady_clock::time_point unregistered_since;
    bool reported = false;                         ///< a long unregistration has been reported
    std::map<uint64_t, bdk_io_channel*> channels;  ///< by thread number
};

[[gnu::cold]] BDK_INTERNAL void report_wrong_channel_thread(const bdk_io_channel* ch, AbiCall call);

/// [any thread] The check for functions marked [channel's thread]: see place.hpp.
inline bool on_channels_thread(const bdk_io_channel* ch, AbiCall call) {
    if (ch->thread == current_thread()) [[likely]]
        return true;
    report_wrong_channel_thread(ch, call);
    return false;
}

/// [channel's thread] Destroys a channel that was never put. Its memory stays as long as the thread's.
void destroy_abandoned_channel(bdk_io_channel* ch);

}  // namespace bdk

// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <bdevkit/io_channel.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace bdk {

struct IoDevice;

/// All io_devices of the process. [any thread]; callbacks of modules are never called with the mutex held.
class IoDeviceTable {
public:
    static IoDeviceTable& instance();

    /// False when the key is already in use.
    bool add(std::unique_ptr<IoDevice> device);
    /// 0, -EBUSY or -ENODEV. `thread`, the calling one, gets the callback.
    int unregister(void* key, bdk_io_device_unregister_cb cb, bdk_thread* thread);

    /// The registered device, which then stays until drop_channel_ref(); nullptr when unknown or
    /// unregistered.
    IoDevice* take_channel_ref(void* key);
    /// `thread` has lost its channel of the device; nullptr: no channel was created.
    void drop_channel_ref(IoDevice* device, const bdk_thread* thread);
    /// Makes a channel known to walks.
    void add_channel(IoDevice* device, bdk_io_channel* ch);

    /// The registered device, which then stays until end_walk(); nullptr when unknown or unregistered.
    IoDevice* begin_walk(void* key);
    void end_walk(IoDevice* device);
    /// The thread with the lowest number above `id` that has a channel of the device, or nullptr.
    bdk_thread* next_channel_thread(IoDevice* device, uint64_t id);
    /// The number of channels of the registered device, including those being created.
    uint32_t count_channels(void* key);
    bdk_io_channel* channel_of(IoDevice* device, const bdk_thread* thread);

    /// One line for every unregistration that has waited for channels for `limit`; each once.
    std::vector<std::string> late_unregistrations(std::chrono::milliseconds limit);

    /// Removes io_devices that were not unregistered, with a warning for each. Call it when no thread is
    /// left.
    void clear();

private:
    IoDeviceTable() = default;

    // Call it with the mutex held.
    bool is_leaving(const void* key) const;
    std::unique_ptr<IoDevice> leave(IoDevice* device);
    std::unique_ptr<IoDevice> take_if_unused(IoDevice* device);

    std::mutex mutex_;
    std::unordered_map<void*, std::unique_ptr<IoDevice>> registered_;
    std::vector<std::unique_ptr<IoDevice>> leaving_;  ///< unregistered, with channels that live on
};

}  // namespace bdk

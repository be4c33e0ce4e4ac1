// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "thread"
#include <bdevkit/io_channel.h>
#include <bdevkit/log.h>
#include <errno.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "log/no_memory.hpp"
#include "log/violation.hpp"
#include "thread/callback_scope.hpp"
#include "thread/io_channel.hpp"
#include "thread/io_device_table.hpp"
#include "thread/place.hpp"
#include "thread/thread.hpp"

namespace bdk {
namespace {

void unregistered_msg(void* arg) {
    const std::unique_ptr<IoDevice> device(static_cast<IoDevice*>(arg));
    current_thread()->unregisters_due.end_one();
    if (device->unregister_cb != nullptr)
        call_in_scope("unregister callback of an io_device", device->unregister_cb, device->key);
}

/// The device has no channels and no walks left: informs the thread that unregistered it.
void finish_unregister(std::unique_ptr<IoDevice> device) {
    IoDevice* last = device.release();
    if (send_always(last->unregister_thread, unregistered_msg, last)) return;
    // That thread was ended after its time was up, but the owner of the device still needs the callback.
    if (send_always(bdk_thread_get_app_thread(), unregistered_msg, last)) return;
    delete last;
}

}  // namespace

IoDeviceTable& IoDeviceTable::instance() {
    static auto* table = new IoDeviceTable;
    return *table;
}

bool IoDeviceTable::add(std::unique_ptr<IoDevice> device) {
    const std::lock_guard lock(mutex_);
    // Reserves room, so that an unregistration needs no memory.
    const size_t most = registered_.size() + leaving_.size() + 1;
    if (leaving_.capacity() < most) leaving_.reserve(2 * most);
    void* key = device->key;
    return registered_.try_emplace(key, std::move(device)).second;
}

int IoDeviceTable::unregister(void* key, bdk_io_device_unregister_cb cb, bdk_thread* thread) {
    std::unique_ptr<IoDevice> finished;
    {
        const std::lock_guard lock(mutex_);
        const auto found = registered_.find(key);
        if (found == registered_.end()) return is_leaving(key) ? -EBUSY : -ENODEV;
        IoDevice* device = found->second.get();
        if (device->unregistered.load(std::memory_order_relaxed)) return -EBUSY;
        thread->unregisters_due.begin_one();
        device->unregister_cb = cb;
        device->unregister_thread = thread;
        device->unregistered_since = std::chrono::steady_clock::now();
        device->unregistered.store(true, std::memory_order_relaxed);
        // While a walk is under way the device keeps its place.
        if (device->walks == 0) finished = leave(device);
    }
    if (finished) finish_unregister(std::move(finished));
    return 0;
}

bool IoDeviceTable::is_leaving(const void* key) const {
    return std::any_of(leaving_.begin(), leaving_.end(),
                       [&](const auto& device) { return device->key == key; });
}

std::unique_ptr<IoDevice> IoDeviceTable::leave(IoDevice* device) {
    auto node = registered_.extract(device->key);
    leaving_.push_back(std::move(node.mapped()));  // add() has made room
    return take_if_unused(device);
}

std::unique_ptr<IoDevice> IoDeviceTable::take_if_unused(IoDevice* device) {
    if (device->channel_refs != 0 || device->walks != 0) return nullptr;
    const auto found =
        std::find_if(leaving_.begin(), leaving_.end(), [&](const auto& d) { return d.get() == device; });
    if (found == leaving_.end()) return nullptr;
    std::unique_ptr<IoDevice> taken = std::move(*found);
    leaving_.erase(found);
    return taken;
}

IoDevice* IoDeviceTable::take_channel_ref(void* key) {
    const std::lock_guard lock(mutex_);
    const auto found = registered_.find(key);
    if (found == registered_.end() || found->second->unregistered.load(std::memory_order_relaxed))
        return nullptr;
    ++found->second->channel_refs;
    return found->second.get();
}

void IoDeviceTable::drop_channel_ref(IoDevice* device, const bdk_thread* thread) {
    std::unique_ptr<IoDevice> finished;
    {
        const std::lock_guard lock(mutex_);
        --device->channel_refs;
        if (thread != nullptr) device->channels.erase(thread->id);
        finished = take_if_unused(device);
    }
    if (finished) finish_unregister(std::move(finished));
}

void IoDeviceTable::add_channel(IoDevice* device, bdk_io_channel* ch) {
    const std::lock_guard lock(mutex_);
    device->channels.emplace(ch->thread->id, ch);
}

IoDevice* IoDeviceTable::begin_walk(void* key) {
    const std::lock_guard lock(mutex_);
    const auto found = registered_.find(key);
    if (found == registered_.end() || found->second->unregistered.load(std::memory_order_relaxed))
        return nullptr;
    ++found->second->walks;
    return found->second.get();
}

void IoDeviceTable::end_walk(IoDevice* device) {
    std::unique_ptr<IoDevice> finished;
    {
        const std::lock_guard lock(mutex_);
        --device->walks;
        if (device->walks == 0 && device->unregistered.load(std::memory_order_relaxed))
            finished = leave(device);
    }
    if (finished) finish_unregister(std::move(finished));
}

bdk_thread* IoDeviceTable::next_channel_thread(IoDevice* device, uint64_t id) {
    const std::lock_guard lock(mutex_);
    const auto next = device->channels.upper_bound(id);
    return next == device->channels.end() ? nullptr : next->second->thread;
}

uint32_t IoDeviceTable::count_channels(void* key) {
    std::scoped_lock lock(mutex_);
    const auto found = registered_.find(key);
    return found == registered_.end() ? 0 : found->second->channel_refs;
}

bdk_io_channel* IoDeviceTable::channel_of(IoDevice* device, const bdk_thread* thread) {
    const std::lock_guard lock(mutex_);
    const auto found = device->channels.find(thread->id);
    return found == device->channels.end() ? nullptr : found->second;
}

namespace {

/// "thread 'app' (1), thread 'nbd' (2)"
std::string threads_of(const IoDevice& device) {
    std::string text;
    for (const auto& [id, ch] : device.channels)
        text +=
            (text.empty() ? "thread '" : ", thread '") + ch->thread->name + "' (" + std::to_string(id) + ")";
    return text;
}

std::string plugin_of(const IoDevice& device) {
    const void* callback = device.create_cb != nullptr ? reinterpret_cast<const void*>(device.create_cb)
                                                       : reinterpret_cast<const void*>(device.destroy_cb);
    return callback == nullptr ? "" : " of " + std::string(object_name_of(callback));
}

}  // namespace

std::vector<std::string> IoDeviceTable::late_unregistrations(std::chrono::milliseconds limit) {
    std::vector<std::string> lines;
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard lock(mutex_);
    for (const auto& device : leaving_) {
        const auto waits = now - device->unregistered_since;
        if (device->reported || waits < limit) continue;
        device->reported = true;
        const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(waits).count();
        lines.push_back("io_device '" + device->name + "'" + plugin_of(*device) + " was unregistered " +
                        std::to_string(ms) + " ms ago and waits for its io_channels on " +
                        threads_of(*device) + ": bdk_put_io_channel() is due there");
    }
    return lines;
}

void IoDeviceTable::clear() {
    std::unordered_map<void*, std::unique_ptr<IoDevice>> left;
    {
        const std::lock_guard lock(mutex_);
        left.swap(registered_);
        leaving_.clear();
    }
    for (const auto& [key, device] : left) {
        BDK_WARNLOG("io_device '%s' was not unregistered before the host stopped", device->name.c_str());
    }
}

}  // namespace bdk

namespace bdk {
namespace {

int register_device(void* io_device, bdk_io_channel_create_cb create_cb, bdk_io_channel_destroy_cb destroy_cb,
                    uint32_t ctx_size, const char* name) {
    const std::string label = name != nullptr ? name : "unnamed";
    if (io_device == nullptr) return -EINVAL;
    auto device = std::make_unique<IoDevice>();
    device->key = io_device;
    device->create_cb = create_cb;
    device->destroy_cb = destroy_cb;
    device->ctx_size = ctx_size;
    device->name = label;
    if (IoDeviceTable::instance().add(std::move(device))) return 0;
    BDK_ERRLOG("io_device '%s' (%p) is already registered", label.c_str(), io_device);
    return -EEXIST;
}

}  // namespace
}  // namespace bdk

int bdk_io_device_register(void* io_device, bdk_io_channel_create_cb create_cb,
                           bdk_io_channel_destroy_cb destroy_cb, uint32_t ctx_size, const char* name) {
    if (!bdk::on_bdk_thread(BDK_ABI_CALL, {"io_device", name != nullptr ? name : "unnamed"})) return -EINVAL;
    return bdk::or_enomem(
        [&] { return bdk::register_device(io_device, create_cb, destroy_cb, ctx_size, name); });
}

int bdk_io_device_unregister(void* io_device, bdk_io_device_unregister_cb cb) {
    bdk_thread* thread = bdk::current_thread();
    if (!bdk::on_bdk_thread(BDK_ABI_CALL)) return -EINVAL;
    const int rc = bdk::IoDeviceTable::instance().unregister(io_device, cb, thread);
    if (rc == -EBUSY) BDK_ERRLOG("io_device %p is already being unregistered", io_device);
    if (rc == -ENODEV) BDK_ERRLOG("io_device %p is not registered", io_device);
    return rc;
}

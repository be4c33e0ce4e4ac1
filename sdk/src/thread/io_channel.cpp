// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "thread"
#include "thread/io_channel.hpp"

#include <bdevkit/log.h>

#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "base/errno_text.hpp"
#include "log/no_memory.hpp"
#include "log/violation.hpp"
#include "thread/callback_scope.hpp"
#include "thread/channel_memory.hpp"
#include "thread/io_device_table.hpp"
#include "thread/place.hpp"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

namespace bdk {

bdk_io_channel* allocate_channel(uint32_t ctx_size) {
    constexpr std::align_val_t align{alignof(bdk_io_channel)};
    auto* ch = new (::operator new(sizeof(bdk_io_channel) + ctx_size, align)) bdk_io_channel;
    ch->ctx_size = ctx_size;
    std::memset(io_channel_ctx(ch), 0, ctx_size);
    return ch;
}

void poison_context([[maybe_unused]] bdk_io_channel* ch) {
#ifdef __SANITIZE_ADDRESS__
    __asan_poison_memory_region(io_channel_ctx(ch), ch->ctx_size);
#endif
}

void free_channel(bdk_io_channel* ch) {
#ifdef __SANITIZE_ADDRESS__
    __asan_unpoison_memory_region(io_channel_ctx(ch), ch->ctx_size);
#endif
    ch->~bdk_io_channel();
    ::operator delete (ch, std::align_val_t{alignof(bdk_io_channel)});
}

namespace {

std::string channel_name(const bdk_io_channel* ch) {
    return ch->device == nullptr ? "a destroyed io_channel" : "io_channel of '" + ch->device->name + "'";
}

/// Removes the channel from its thread; the caller then owns its memory.
void end_channel(bdk_io_channel* ch) {
    bdk_thread* thread = ch->thread;
    thread->channels.remove(ch->io_device, ch);
    if (ch->destroy_cb != nullptr)
        call_in_scope("channel destroy callback", ch->destroy_cb, ch->io_device, io_channel_ctx(ch));
    IoDeviceTable::instance().drop_channel_ref(std::exchange(ch->device, nullptr), thread);
    ch->io_device = nullptr;
}

void destroy_msg(void* arg) {
    auto* ch = static_cast<bdk_io_channel*>(arg);
    --ch->destroys_due;
    if (ch->device == nullptr) return;  // destroyed with its thread's leftovers
    // The channel was got again meanwhile. If it was put again too, a later message handles that.
    if (ch->refs != 0 || ch->destroys_due != 0) return;
    if (ch->is_busy != nullptr && ch->is_busy(io_channel_ctx(ch))) return;
    bdk_thread* thread = ch->thread;
    end_channel(ch);
    thread->channels.retire(ch);
}

/// A channel that the thread and the walks over the device know. Throws std::bad_alloc.
bdk_io_channel* add_channel(bdk_thread* thread, IoDevice* device, void* io_device) {
    std::unique_ptr<bdk_io_channel, void (*)(bdk_io_channel*)> ch(allocate_channel(device->ctx_size),
                                                                  free_channel);
    ch->thread = thread;
    ch->io_device = io_device;
    ch->device = device;
    ch->destroy_cb = device->destroy_cb;
    ch->refs = 1;
    thread->channels.add(io_device, ch.get());
    try {
        // Done before the callback, so that a walk that begins meanwhile does not miss the channel.
        IoDeviceTable::instance().add_channel(device, ch.get());
    } catch (const std::bad_alloc&) {
        thread->channels.remove(io_device, ch.get());
        throw;
    }
    return ch.release();
}

bdk_io_channel* make_channel(bdk_thread* thread, void* io_device) {
    IoDevice* device = IoDeviceTable::instance().take_channel_ref(io_device);
    if (device == nullptr) {
        BDK_ERRLOG("bdk_get_io_channel(): io_device %p is not registered", io_device);
        return nullptr;
    }
    bdk_io_channel* ch = or_null([&] { return add_channel(thread, device, io_device); });
    if (ch == nullptr) {
        IoDeviceTable::instance().drop_channel_ref(device, nullptr);
        return nullptr;
    }
    const int rc = device->create_cb == nullptr ? 0
                                                : call_in_scope("channel create callback", device->create_cb,
                                                                io_device, io_channel_ctx(ch));
    if (rc == 0) {
        thread->channels.created(ch);
        return ch;
    }
    BDK_ERRLOG("io_channel of '%s' on thread '%s': its create callback returned %d (%s)",
               device->name.c_str(), thread->name.c_str(), rc, errno_text(rc).c_str());
    thread->channels.remove(io_device, ch);
    IoDeviceTable::instance().drop_channel_ref(device, thread);
    free_channel(ch);
    return nullptr;
}

bdk_io_channel* get_slowly(bdk_thread* thread, void* io_device, AbiCall call) {
    if (!on_bdk_thread(call)) return nullptr;
    if (thread->state.load(std::memory_order_relaxed) != ThreadState::running) {
        BDK_ERRLOG("bdk_get_io_channel(): thread '%s' is exiting", thread->name.c_str());
        return nullptr;
    }
    return make_channel(thread, io_device);
}

}  // namespace

void report_wrong_channel_thread(const bdk_io_channel* ch, AbiCall call) {
    report_wrong_place(2, ch->thread, call,
                       {channel_name(ch),
                        {},
                        "send a message to the owner with bdk_thread_send_msg() and do it there, or get a "
                        "channel on each thread that needs one"});
}

void destroy_abandoned_channel(bdk_io_channel* ch) {
    end_channel(ch);
    // Keep the channel, so that a late put or a put on another thread can still be reported.
    ch->refs = 0;
    ch->thread->channels.keep_dead(ch);
}

}  // namespace bdk

bdk_io_channel* bdk_get_io_channel(void* io_device) {
    bdk_thread* thread = bdk::current_thread();
    if (thread != nullptr) [[likely]] {
        bdk_io_channel* ch = thread->channels.find(io_device);
        if (ch != nullptr && !ch->device->unregistered.load(std::memory_order_relaxed)) [[likely]] {
            ++ch->refs;
            return ch;
        }
    }
    return bdk::get_slowly(thread, io_device, BDK_ABI_CALL);
}

void bdk_put_io_channel(bdk_io_channel* ch) {
    if (!bdk::on_channels_thread(ch, BDK_ABI_CALL)) return;
    if (ch->refs == 0) [[unlikely]] {
        bdk::report_violation({.rule = 2,
                               .what = "bdk_put_io_channel() more often than bdk_get_io_channel()",
                               .object = bdk::channel_name(ch),
                               .owner = ch->thread,
                               .advice = "match every successful get with one put",
                               .return_address = __builtin_return_address(0)});
        return;
    }
    if (--ch->refs != 0) [[likely]]
        return;
    ++ch->destroys_due;
    bdk::send_always(ch->thread, bdk::destroy_msg, ch);
}

bdk_io_channel* bdk_io_channel_ref(bdk_io_channel* ch) {
    if (!bdk::on_channels_thread(ch, BDK_ABI_CALL)) return nullptr;
    ++ch->refs;
    return ch;
}

void* bdk_io_channel_get_ctx(bdk_io_channel* ch) {
    return bdk::io_channel_ctx(ch);
}

bdk_io_channel* bdk_io_channel_from_ctx(void* ctx) {
    return bdk::io_channel_from_ctx(ctx);
}

bdk_thread* bdk_io_channel_get_thread(const bdk_io_channel* ch) {
    return ch->thread;
}

void* bdk_io_channel_get_io_device(const bdk_io_channel* ch) {
    return ch->io_device;
}

// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "bdev"
#include "bdev/lifecycle/channel.hpp"

#include <bdevkit/bdev_module.h>
#include <bdevkit/log.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>

#include "bdev/control/qos.hpp"
#include "bdev/control/timeout.hpp"
#include "bdev/control/write_guard.hpp"
#include "bdev/lifecycle/client_data.hpp"
#include "bdev/model/bdev.hpp"
#include "bdev/model/core_hooks.hpp"
#include "bdev/model/desc.hpp"
#include "bdev/model/io_pool.hpp"
#include "bdev/path/fast_path.hpp"
#include "bdev/path/nomem.hpp"
#include "bdev/path/waiting_io.hpp"
#include "thread/io_channel.hpp"
#include "thread/io_device_table.hpp"
#include "thread/post.hpp"

namespace bdk {

namespace {

IoPool* pool_of_this_thread(bdk_io_channel** ch) {
    *ch = bdk_get_io_channel(io_pool_io_device());
    return *ch == nullptr ? nullptr : static_cast<IoPool*>(io_channel_ctx(*ch));
}

/// Throws std::bad_alloc; leave_shared() then undoes what was done.
void join_shared(BdevChannel* channel) {
    auto& all = channel->pool->shared;
    auto it = all.find(channel->module_ch);
    if (it == all.end()) it = all.emplace(channel->module_ch, make_shared_resource(channel->module_ch)).first;
    std::vector<BdevChannel*>& channels = it->second->channels;
    channel->shared_place = channels.size();
    channel->shared = it->second.get();
    channels.push_back(channel);
    if (!channel->shared->nomem.empty()) channel->flags |= channel_nomem;
}

void leave_shared(BdevChannel* channel) {
    SharedResource* shared = channel->shared;
    if (shared == nullptr) return;
    channel->shared = nullptr;
    std::vector<BdevChannel*>& channels = shared->channels;
    // If there was no memory to put the channel into the list, it has no place there.
    if (channel->shared_place < channels.size()) {
        channels[channel->shared_place] = channels.back();
        channels[channel->shared_place]->shared_place = channel->shared_place;
        channels.pop_back();
    }
    if (channels.empty()) channel->pool->shared.erase(shared->module_ch);
}

void release_module_channel(BdevChannel* channel) {
    bdk_poller_unregister(&channel->timeouts);
    channel_leave_qos(channel);
    leave_shared(channel);
    if (channel->module_ch != nullptr) bdk_put_io_channel(std::exchange(channel->module_ch, nullptr));
}

void forget_channel(BdevChannel* channel) {
    auto& all = channel->pool->channels;
    const auto it = all.find(channel->bdev);
    if (it == all.end()) return;
    std::erase(it->second, channel);
    if (it->second.empty()) all.erase(it);
}

/// From here on the channel is an empty shell, which its owner puts. The bdev may be gone by then.
void close_now(BdevChannel* channel) {
    {
        std::scoped_lock lock(channel->bdev->mutex);
        channel->bdev->gone_stat.add(channel->stat);
        core_hooks.leave_measurement(channel);
    }
    release_module_channel(channel);
    forget_channel(channel);
    channel->bdev = nullptr;
}

/// A channel that was put lives until the last I/O on it has completed.
bool wait_for_io_in_flight(void* ctx) {
    auto* channel = static_cast<BdevChannel*>(ctx);
    if (channel->io_outstanding == 0) return false;
    channel->flags |= channel_put;
    return true;
}

/// Makes the channel known to everything that looks for the channels of the thread or of the bdev. Throws
/// std::bad_alloc; leave_service() then undoes what was done.
void enter_service(BdevChannel* channel) {
    Bdev* bdev = channel->bdev;
    if (channel->desc->write && !channel->desc->of_module) note_client_data(bdev);
    join_shared(channel);
    channel->pool->channels[bdev].push_back(channel);
    channel_follow_timeout(channel);
    std::scoped_lock lock(bdev->mutex);
    if (bdev->reset != nullptr && !bdev->thawing) channel->flags |= channel_frozen;
    core_hooks.follow_measurement(channel);
    channel_follow_qos(channel);
    channel->quiesced = bdev->quiesced;
    if (!channel->quiesced.empty()) channel->flags |= channel_quiesced;
    channel_follow_guard(channel);
}

void leave_service(BdevChannel* channel) {
    if (channel->bdev != nullptr) close_now(channel);
    while (channel->free_ctx != nullptr)
        std::free(std::exchange(channel->free_ctx, *static_cast<void**>(channel->free_ctx)));
    bdk_put_io_channel(io_channel_from_ctx(channel->pool));
    channel->~BdevChannel();
}

}  // namespace

int bdev_channel_create(void* io_device, void* ctx) {
    auto* desc = static_cast<bdk_bdev_desc*>(io_device);
    auto* channel = new (ctx) BdevChannel();
    if (desc->closed) return -ENODEV;
    Bdev* bdev = desc->bdev;
    bdk_io_channel* pool_ch = nullptr;
    channel->pool = pool_of_this_thread(&pool_ch);
    if (channel->pool == nullptr) return -ENOMEM;
    channel->module_ch = bdev->fn.get_io_channel(bdev->config.ctxt);
    if (channel->module_ch == nullptr) {
        BDK_ERRLOG("bdev '%s': module '%s' gives no channel on thread '%s'", bdev->name.c_str(),
                   bdev->module_name.c_str(), bdk_thread_get_name(bdk_get_thread()));
        bdk_put_io_channel(pool_ch);
        return -ENOMEM;
    }
    io_channel_from_ctx(channel)->is_busy = wait_for_io_in_flight;
    channel->submit = bdev->fn.submit_request;
    channel->bdev = bdev;
    channel->desc = desc;
    channel->ctx_size = bdev->ctx_size;
    channel->fast_types = fast_types_of(channel);
    if (desc->hides_md) channel->flags |= channel_hides_md;
    int rc = or_enomem([&] {
        enter_service(channel);
        return 0;
    });
    if (rc != 0) leave_service(channel);
    return rc;
}

void bdev_channel_destroy(void*, void* ctx) {
    leave_service(static_cast<BdevChannel*>(ctx));
}

/* ---- closing ---- */

void go_on_without_io(void* io_channel) {
    auto* held = static_cast<bdk_io_channel*>(io_channel);
    auto* channel = static_cast<BdevChannel*>(io_channel_ctx(held));
    if (bdk_io_channel_iter* iter = std::exchange(channel->close_iter, nullptr)) {
        close_now(channel);
        bdk_for_each_channel_continue(iter, 0);
    }
    channel->flags &= ~static_cast<uint32_t>(channel_put);
    bdk_put_io_channel(held);
}

namespace {

BdevChannel* visited_channel(bdk_io_channel_iter* iter) {
    return static_cast<BdevChannel*>(io_channel_ctx(bdk_io_channel_iter_get_channel(iter)));
}

void refuse_io(bdk_io_channel_iter* iter) {
    BdevChannel* channel = visited_channel(iter);
    channel->flags |= channel_closing;
    end_waiting_io(channel);
    bdk_for_each_channel_continue(iter, 0);
}

void drain(bdk_io_channel_iter* iter) {
    BdevChannel* channel = visited_channel(iter);
    end_waiting_io(channel);
    if (channel->io_outstanding != 0) {
        channel->close_iter = iter;  // path/leave.cpp continues the walk
        return;
    }
    close_now(channel);
    bdk_for_each_channel_continue(iter, 0);
}

void drained(bdk_io_channel_iter* iter, int) {
    std::unique_ptr<std::function<void()>> end(
        static_cast<std::function<void()>*>(bdk_io_channel_iter_get_ctx(iter)));
    (*end)();
}

/// The second walk may wait for a long time on one channel. No other channel takes I/O meanwhile.
void drain_all(bdk_io_channel_iter* iter, int) {
    bdk_for_each_channel(bdk_io_channel_iter_get_io_device(iter), drain, bdk_io_channel_iter_get_ctx(iter),
                         drained);
}

}  // namespace

void close_channels(bdk_bdev_desc* desc, std::function<void()> done) {
    // From now on the caller's own channel takes no I/O. For the others, the first walk does this.
    bdk_io_channel* own = current_thread()->channels.find(desc);
    if (own != nullptr) static_cast<BdevChannel*>(io_channel_ctx(own))->flags |= channel_closing;
    auto* end = cannot_fail("closing a desc", [&] { return new std::function<void()>(std::move(done)); });
    const bool others = IoDeviceTable::instance().count_channels(desc) > (own == nullptr ? 0u : 1u);
    if (others)
        bdk_for_each_channel(desc, refuse_io, end, drain_all);
    else
        bdk_for_each_channel(desc, drain, end, drained);
}

}  // namespace bdk

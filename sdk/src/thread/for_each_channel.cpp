// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "thread"
#include <bdevkit/io_channel.h>
#include <bdevkit/log.h>
#include <errno.h>

#include <memory>

#include "log/no_memory.hpp"
#include "thread/callback_scope.hpp"
#include "thread/io_channel.hpp"
#include "thread/io_device_table.hpp"
#include "thread/place.hpp"
#include "thread/thread.hpp"
#include "thread/walk_list.hpp"

/// A walk over the channels of a device by ascending thread number, so that none is visited twice.
struct bdk_io_channel_iter {
    void* io_device = nullptr;
    bdk::IoDevice* device = nullptr;  ///< nullptr: the device was not registered
    bdk_channel_msg fn = nullptr;
    bdk_channel_for_each_cpl cpl = nullptr;
    void* ctx = nullptr;
    bdk_thread* origin = nullptr;
    bdk_thread* visited = nullptr;  ///< the thread whose turn it is
    bdk_io_channel* channel = nullptr;
    int status = 0;
};

namespace bdk {
namespace {

void finish_msg(void* arg) {
    const std::unique_ptr<bdk_io_channel_iter> iter(static_cast<bdk_io_channel_iter*>(arg));
    current_thread()->walks_due.end_one();
    if (iter->cpl != nullptr) call_in_scope("completion of a walk", iter->cpl, iter.get(), iter->status);
    // Only now may an unregistration that waits for the walk proceed, so that the device was valid in the
    // completion.
    if (iter->device != nullptr) IoDeviceTable::instance().end_walk(iter->device);
}

void finish(bdk_io_channel_iter* iter) {
    iter->channel = nullptr;
    iter->visited = nullptr;
    if (send_always(iter->origin, finish_msg, iter)) return;
    BDK_ERRLOG(
        "bdk_for_each_channel(): thread '%s', which started the walk, has exited; its completion is not "
        "called",
        iter->origin->name.c_str());
    iter->cpl = nullptr;
    if (iter->device != nullptr) IoDeviceTable::instance().end_walk(iter->device);
    delete iter;
}

void visit_msg(void* arg);

void visit_next(bdk_io_channel_iter* iter, uint64_t last_id) {
    while (bdk_thread* next = IoDeviceTable::instance().next_channel_thread(iter->device, last_id)) {
        iter->visited = next;
        if (send_always(next, visit_msg, iter)) return;
        last_id = next->id;
    }
    finish(iter);
}

void visit_msg(void* arg) {
    auto* iter = static_cast<bdk_io_channel_iter*>(arg);
    bdk_thread* thread = current_thread();
    iter->channel = IoDeviceTable::instance().channel_of(iter->device, thread);
    if (iter->channel == nullptr) {
        visit_next(iter, thread->id);
        return;
    }
    WalkList::instance().visiting(iter, iter->device->name, thread->name);
    call_in_scope("visit of a walk", iter->fn, iter);
}

}  // namespace
}  // namespace bdk

void bdk_for_each_channel(void* io_device, bdk_channel_msg fn, void* ctx, bdk_channel_for_each_cpl cpl) {
    bdk_thread* origin = bdk::current_thread();
    if (!bdk::on_bdk_thread(BDK_ABI_CALL) || !bdk::has_callback(fn, BDK_ABI_CALL)) return;
    auto iter =
        bdk::cannot_fail("a walk over io_channels", [] { return std::make_unique<bdk_io_channel_iter>(); });
    iter->io_device = io_device;
    iter->device = bdk::IoDeviceTable::instance().begin_walk(io_device);
    iter->fn = fn;
    iter->cpl = cpl;
    iter->ctx = ctx;
    iter->origin = origin;
    origin->walks_due.begin_one();
    if (iter->device != nullptr) {
        bdk::visit_next(iter.release(), 0);
        return;
    }
    BDK_ERRLOG("bdk_for_each_channel(): io_device %p is not registered", io_device);
    iter->status = -ENODEV;
    bdk::finish(iter.release());
}

void bdk_for_each_channel_continue(bdk_io_channel_iter* iter, int status) {
    bdk::on_thread_of(iter->visited, BDK_ABI_CALL, {"walk over the io_channels of", iter->device->name});
    bdk::WalkList::instance().went_on(iter);
    // Continues anyway, because an unfinished walk would block the unregistration of the device for ever.
    if (status != 0) {
        iter->status = status;
        bdk::finish(iter);
    } else {
        bdk::visit_next(iter, iter->visited->id);
    }
}

void* bdk_io_channel_iter_get_io_device(const bdk_io_channel_iter* iter) {
    return iter->io_device;
}

bdk_io_channel* bdk_io_channel_iter_get_channel(const bdk_io_channel_iter* iter) {
    return iter->channel;
}

void* bdk_io_channel_iter_get_ctx(const bdk_io_channel_iter* iter) {
    return iter->ctx;
}

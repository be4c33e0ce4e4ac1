// SPDX-License-Identifier: BSD-3-Clause
// Abort. The caller's abort of a cb_arg becomes one abort I/O per target. A target that waits in the core, at
// whatever layer, is ended by the core; one that the core works on, after its children. For one that a module
// has, the abort goes down as far as its target has gone, and the module ends it.
#include <bdevkit/bdev.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/no_memory.hpp"
#include "bdev/control/abort.hpp"
#include "bdev/model/bdev.hpp"
#include "bdev/model/io_pool.hpp"
#include "bdev/path/complete.hpp"
#include "bdev/path/dispatch.hpp"
#include "bdev/path/enter.hpp"
#include "bdev/path/io_buf.hpp"
#include "bdev/path/parent.hpp"
#include "bdev/path/validate.hpp"
#include "bdev/path/waiting_io.hpp"
#include "thread/io_channel.hpp"

namespace bdk {

namespace {

bool is_target(const BdevIo* abort, const BdevIo* target) {
    bool in_flight = target->state == IoState::in_module || target->state == IoState::core;
    return in_flight && target->generation == abort->abort_generation;
}

/// Aborts the children of an I/O that the core works on, one after the other. Whatever becomes of them, the
/// I/O itself ends as aborted once they have ended.
void abort_next_child(BdevIo* io) {
    const BdevIo* target = BdevIo::of(io->pub.u.abort.bio_to_abort);
    BdevIo* child = is_target(io, target) && target->work.step != nullptr ? target->work.oldest : nullptr;
    while (child != nullptr && child->part.abort_sent)
        child = child->part.next;
    if (child == nullptr) return parent_finish(io);
    BdevIo* abort = parent_make_child(io, BDK_BDEV_IO_TYPE_ABORT);
    if (abort == nullptr) return;
    abort->pub.u.abort.bio_to_abort = &child->pub;
    abort->abort_generation = child->generation;
    child->part.abort_sent = true;
    child_start(abort);
}

void abort_parent(BdevIo* io, BdevIo* target) {
    parent_abort(target);
    parent_begin(io, abort_next_child);
    io->work.ignores_errors = true;
}

/// What stands for the target at the channel: itself, or what took over when its frames were used up.
BdevIo* target_at(BdevIo* target, const BdevChannel* ch) {
    while (target != nullptr && !target->passed(ch))
        target = target->stand_in;
    return target;
}

/// Without the module's help, what the core holds can be aborted.
bool can_abort(const BdevChannel* ch, const std::vector<BdevIo*>& targets) {
    return ch->bdev->supports(BDK_BDEV_IO_TYPE_ABORT) ||
           std::any_of(targets.begin(), targets.end(),
                       [](const BdevIo* io) { return io->state == IoState::core; });
}

/// The caller's abort completes with the last of those it has become; aborts_left: how many are left.
void one_aborted(bdk_bdev_io* child, bool success, void* arg) {
    auto* parent = static_cast<BdevIo*>(arg);
    free_core_io(BdevIo::of(child));
    if (!success) parent->status.code = BDK_BDEV_IO_STATUS_FAILED;
    if (--parent->aborts_left != 0) return;
    parent->ch->core_held--;
    io_complete_from_core(parent, parent->status.code);
}

}  // namespace

void abort_launch(BdevIo* abort, BdevChannel* ch, BdevIo* target, bdk_bdev_io_completion_cb cb,
                  void* cb_arg) {
    abort->pub.type = BDK_BDEV_IO_TYPE_ABORT;
    abort->pub.u.abort.bio_to_abort = &target->pub;
    abort->abort_generation = target->generation;
    abort->cb = cb;
    abort->cb_arg = cb_arg;
    abort->ch = ch;
    abort->submit_ticks = current_thread()->turn_ticks;
    io_enter(abort);
}

void abort_start(BdevIo* io) {
    BdevChannel* ch = io->ch;
    BdevIo* target = BdevIo::of(io->pub.u.abort.bio_to_abort);
    target = is_target(io, target) ? target_at(target, ch) : nullptr;
    if (target == nullptr) return io_complete_from_core(io, BDK_BDEV_IO_STATUS_FAILED);
    io->pub.u.abort.bio_to_abort = &target->pub;
    io->abort_generation = target->generation;
    const bool at_layer = target->ch == ch && target->state == IoState::core && target->stand_in == nullptr;
    if (at_layer && target->work.step != nullptr) return abort_parent(io, target);
    if (end_waits(target)) return io_complete_from_core(io, BDK_BDEV_IO_STATUS_SUCCESS);
    if (at_layer || !ch->bdev->supports_natively(BDK_BDEV_IO_TYPE_ABORT))
        return io_complete_from_core(io, BDK_BDEV_IO_STATUS_FAILED);
    io_dispatch(io);
}

}  // namespace bdk

using bdk::BdevIo;

int bdk_bdev_abort(bdk_bdev_desc* desc, bdk_io_channel* ch, void* bio_cb_arg, bdk_bdev_io_completion_cb cb,
                   void* cb_arg) {
    bdk::BdevChannel* channel = nullptr;
    int rc = bdk::validate_channel(desc, ch, &channel, BDK_ABI_CALL);
    if (rc != 0) return rc;
    BdevIo* parent = channel->pool->take_for(channel);
    if (parent == nullptr) parent = channel->pool->take_from_reserve();
    if (parent == nullptr) return -ENOMEM;

    std::vector<BdevIo*> targets, aborts;
    rc = bdk::or_enomem([&] {
        targets.reserve(channel->pool->in_use);
        aborts.reserve(channel->pool->in_use);
        return 0;
    });
    if (rc != 0) {
        channel->pool->give_back(parent);
        return rc;
    }
    channel->pool->for_each_used([&](BdevIo* io) {
        bool in_flight = io->state == bdk::IoState::in_module || io->state == bdk::IoState::core;
        bool wanted = bio_cb_arg == nullptr || io->cb_arg == bio_cb_arg;
        if (io != parent && in_flight && wanted && io->origin() == channel && io->part.parent == nullptr &&
            io->pub.type != BDK_BDEV_IO_TYPE_ABORT)
            targets.push_back(io);
    });
    if (!bdk::can_abort(channel, targets)) {
        channel->pool->give_back(parent);
        return -ENOTSUP;
    }
    for (size_t i = 0; i < targets.size(); i++) {
        // One per target, beyond the limit if need be: the caller cannot wait for as many to be free at once.
        BdevIo* abort = channel->pool->take();
        if (abort == nullptr) abort = channel->pool->take_from_reserve();
        if (abort == nullptr) {
            for (BdevIo* taken : aborts)
                channel->pool->put(taken);
            channel->pool->give_back(parent);
            return -ENOMEM;
        }
        aborts.push_back(abort);
    }

    parent->pub.type = BDK_BDEV_IO_TYPE_ABORT;
    parent->cb = cb;
    parent->cb_arg = cb_arg;
    bdk::io_hold(parent, channel);
    parent->status.code = BDK_BDEV_IO_STATUS_SUCCESS;
    parent->aborts_left = targets.size();
    if (targets.empty()) {
        channel->core_held--;
        bdk::io_complete_from_core(parent, BDK_BDEV_IO_STATUS_SUCCESS);
    }
    for (size_t i = 0; i < targets.size(); i++)
        bdk::abort_launch(aborts[i], channel, targets[i], bdk::one_aborted, parent);
    return 0;
}

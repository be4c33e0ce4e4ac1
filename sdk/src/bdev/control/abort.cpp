// SPDX-License-Identifier: BSD-3-Clause
// Abort. A caller aborts a cb_arg, which becomes one abort I/O per target. The core itself ends a target that
// waits in the core, at whatever layer; a target that the core works on ends after its children. If a module
// has the target, the abort goes down as far as the target has gone, and the module ends it.
#include <bdevkit/bdev.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "bdev/control/abort.hpp"
#include "bdev/model/bdev.hpp"
#include "bdev/model/io_pool.hpp"
#include "bdev/path/complete.hpp"
#include "bdev/path/dispatch.hpp"
#include "bdev/path/enter.hpp"
#include "bdev/path/fill.hpp"
#include "bdev/path/io_buf.hpp"
#include "bdev/path/parent.hpp"
#include "bdev/path/validate.hpp"
#include "bdev/path/waiting_io.hpp"
#include "log/no_memory.hpp"
#include "thread/io_channel.hpp"

namespace bdk {

namespace {

bool is_target(const BdevIo* abort, const BdevIo* target) {
    return target->is_in_flight() && target->generation == abort->abort_generation;
}

/// Aborts the children of an I/O that the core works on, one after the other. Whether that succeeds or not,
/// the I/O itself ends as aborted once they have ended.
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

/// The I/O that represents the target at the channel: the target itself, or a stand-in that took over when
/// its frames were used up.
BdevIo* target_at(BdevIo* target, const BdevChannel* ch) {
    while (target != nullptr && !target->passed(ch))
        target = target->stand_in;
    return target;
}

/// True if the module can abort, or if the core holds a target: those the core can abort alone.
bool can_abort(const BdevChannel* ch, const std::vector<BdevIo*>& targets) {
    return ch->bdev->supports(BDK_BDEV_IO_TYPE_ABORT) ||
           std::any_of(targets.begin(), targets.end(),
                       [](const BdevIo* io) { return io->state == IoState::core; });
}

/// One of the aborts has ended. The caller's abort completes with the last of them; `aborts_left` counts
/// them.
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
    io_fill(abort, BDK_BDEV_IO_TYPE_ABORT, ch, cb, cb_arg, current_thread()->turn_ticks);
    abort->pub.u.abort.bio_to_abort = &target->pub;
    abort->abort_generation = target->generation;
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

namespace {

/// The user's I/Os on the channel with that cb_arg; with NULL, all of them. Throws std::bad_alloc.
std::vector<BdevIo*> select_targets(const BdevChannel* ch, const void* cb_arg) {
    std::vector<BdevIo*> targets;
    targets.reserve(ch->pool->in_use);
    ch->pool->for_each_used([&](BdevIo* io) {
        const bool wanted = cb_arg == nullptr || io->cb_arg == cb_arg;
        if (io->is_in_flight() && wanted && io->origin() == ch && io->part.parent == nullptr &&
            io->pub.type != BDK_BDEV_IO_TYPE_ABORT)
            targets.push_back(io);
    });
    return targets;
}

void put_all(IoPool* pool, const std::vector<BdevIo*>& ios) {
    for (BdevIo* io : ios)
        pool->put(io);
    pool->given_back();
}

/// Takes bdev_ios for the aborts, beyond the limit if need be, because the caller cannot wait until so many
/// are free at once.
/// @return false without memory: then none is taken. Throws std::bad_alloc.
bool allocate_aborts(IoPool* pool, size_t count, std::vector<BdevIo*>* aborts) {
    aborts->reserve(count);
    while (aborts->size() < count) {
        BdevIo* abort = pool->take_or_reserve();
        if (abort == nullptr) {
            put_all(pool, *aborts);
            return false;
        }
        aborts->push_back(abort);
    }
    return true;
}

/// Sends an abort after each target. `parent`, the caller's abort, ends with the last of them.
void launch_aborts(BdevIo* parent, BdevChannel* ch, const std::vector<BdevIo*>& targets,
                   const std::vector<BdevIo*>& aborts) {
    io_hold(parent, ch);
    parent->status.code = BDK_BDEV_IO_STATUS_SUCCESS;
    parent->aborts_left = targets.size();
    if (targets.empty()) {
        ch->core_held--;
        io_complete_from_core(parent, BDK_BDEV_IO_STATUS_SUCCESS);
    }
    for (size_t i = 0; i < targets.size(); i++)
        abort_launch(aborts[i], ch, targets[i], one_aborted, parent);
}

/// Throws std::bad_alloc without any effect.
int abort_all_with(BdevChannel* ch, const void* target_cb_arg, bdk_bdev_io_completion_cb cb, void* cb_arg) {
    const std::vector<BdevIo*> targets = select_targets(ch, target_cb_arg);
    if (!can_abort(ch, targets)) return -ENOTSUP;
    std::vector<BdevIo*> aborts;
    if (!allocate_aborts(ch->pool, targets.size(), &aborts)) return -ENOMEM;
    BdevIo* parent = ch->pool->take_or_reserve();
    if (parent == nullptr) {
        put_all(ch->pool, aborts);
        return -ENOMEM;
    }
    io_fill(parent, BDK_BDEV_IO_TYPE_ABORT, ch, cb, cb_arg, current_thread()->turn_ticks);
    launch_aborts(parent, ch, targets, aborts);
    return 0;
}

}  // namespace

}  // namespace bdk

int bdk_bdev_abort(bdk_bdev_desc* desc, bdk_io_channel* ch, void* bio_cb_arg, const bdk_bdev_io_opts* opts,
                   bdk_bdev_io_completion_cb cb, void* cb_arg) {
    bdk::BdevChannel* channel = nullptr;
    int rc = bdk::validate_channel(desc, ch, &channel, BDK_ABI_CALL);
    if (rc == 0) rc = bdk::validate_opts(channel, BDK_BDEV_IO_TYPE_ABORT, opts);
    if (rc != 0) return rc;
    if (!bdk::has_callback(cb, BDK_ABI_CALL)) return -EINVAL;
    return bdk::or_enomem([&] { return bdk::abort_all_with(channel, bio_cb_arg, cb, cb_arg); });
}

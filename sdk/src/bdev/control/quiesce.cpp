// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/control/quiesce.hpp"

#include <bdevkit/poller.h>
#include <bdevkit/quiesce.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "bdev/control/write_guard.hpp"
#include "bdev/model/bdev.hpp"
#include "bdev/model/channel.hpp"
#include "bdev/model/channel_walk.hpp"
#include "bdev/model/io_pool.hpp"
#include "bdev/model/io_span.hpp"
#include "bdev/path/admit.hpp"
#include "bdev/path/io_buf.hpp"
#include "bdev/path/parent.hpp"
#include "bdev/path/waiting_io.hpp"
#include "thread/place.hpp"
#include "thread/poller.hpp"
#include "thread/post.hpp"

namespace bdk {

namespace {

constexpr uint64_t whole = UINT64_MAX;
constexpr uint64_t look_again_us = 100;

/// Whether the I/O waits at the channel for its start.
bool waits_here(const BdevIo* io, const BdevChannel* ch) {
    if (io->ch != ch) return false;
    bool waits_for_lock = io->work.step != nullptr && io->work.waits_for_lock;
    return waits_for_lock || ch->quiesced_io.contains(io) || guard_holds_back(ch, io);
}

/// The number of I/Os that have passed the channel, have not completed, and touch the range. A parent stands
/// for its children. I/Os that wait for the range do not count.
uint64_t in_flight(const BdevChannel* ch, const QuiescedRange& range) {
    uint64_t count = 0;
    ch->pool->for_each_used([&](const BdevIo* io) {
        bool runs = io->is_in_flight();
        bool child = io->part.parent != nullptr && io->origin() == ch;
        if (!runs || child || !io->passed(ch) || !touches(io, shift_since(io, ch), range.span())) return;
        if (!waits_here(io, ch)) count++;
    });
    return count;
}

bool belongs_to(const BdevIo* io, const BdevChannel* ch) {
    for (; io != nullptr; io = io->part.parent != nullptr ? io->part.parent : io->stands_for)
        if (io->passed(ch)) return true;
    return false;
}

/// Gives heap buffers to the I/Os that have passed the channel and wait for buffers of iobuf. Otherwise there
/// could be a deadlock: all of iobuf may be held by I/Os that wait for the end of the quiesce, and the
/// quiesce waits for those that have passed.
void end_buffer_waits(BdevChannel* ch) {
    for (;;) {
        BdevIo* waiting = nullptr;
        ch->pool->for_each_used([&](BdevIo* io) {
            if (io->buffer_wait.ready != nullptr && belongs_to(io, ch)) waiting = io;
        });
        if (waiting == nullptr || !end_buffer_wait(waiting)) return;
    }
}

/// A quiesce under way, on the thread that asked for it.
struct Quiesce {
    Bdev* bdev;
    QuiescedRange range;
    std::function<void()> done;
    bdk_poller* poller = nullptr;
};

void wait_for_in_flight(const std::shared_ptr<Quiesce>& quiesce) {
    auto left = cannot_fail("a quiesce", [] { return std::make_shared<uint64_t>(0); });
    for_each_bdev_channel(
        quiesce->bdev,
        [=](BdevChannel* ch) {
            uint64_t here = in_flight(ch, quiesce->range);
            if (here != 0) end_buffer_waits(ch);
            *left += here;
        },
        [=] {
            if (*left == 0) return quiesce->done();
            auto again = [](void* arg) {
                std::unique_ptr<std::shared_ptr<Quiesce>> self(static_cast<std::shared_ptr<Quiesce>*>(arg));
                bdk_poller_unregister(&(*self)->poller);
                wait_for_in_flight(*self);
                return BDK_POLLER_BUSY;
            };
            auto* kept = cannot_fail("a quiesce", [&] { return new std::shared_ptr<Quiesce>(quiesce); });
            quiesce->poller = register_poller_always(again, kept, look_again_us, "bdev_quiesce");
        });
}

void start_quiesce(const std::shared_ptr<Quiesce>& quiesce) {
    for_each_bdev_channel(
        quiesce->bdev,
        [=](BdevChannel* ch) {
            ch->flags |= channel_quiesced;
            if (std::find(ch->quiesced.begin(), ch->quiesced.end(), quiesce->range) == ch->quiesced.end())
                cannot_fail("a quiesce", [&] { ch->quiesced.push_back(quiesce->range); });
        },
        [=] { wait_for_in_flight(quiesce); });
}

void release_range(BdevChannel* ch, const QuiescedRange& range) {
    std::erase(ch->quiesced, range);
    if (ch->quiesced.empty()) ch->flags &= ~static_cast<uint32_t>(channel_quiesced);
    IoQueue waiting = std::exchange(ch->quiesced_io, {});
    while (!waiting.empty())
        io_admit(release_from(waiting));
}

bool overlaps_any(const Bdev* bdev, const QuiescedRange& range) {
    auto overlaps = [&](const QuiescedRange& other) { return other.overlaps(range); };
    return std::any_of(bdev->quiesced.begin(), bdev->quiesced.end(), overlaps) ||
           std::any_of(bdev->released.begin(), bdev->released.end(), overlaps);
}

/// Takes the pending quiesces that can start now; they count as quiesced from here on. Of two quiesces
/// that overlap, the earlier one comes first, so every quiesce gets its turn.
std::vector<PendingQuiesce> take_startable(Bdev* bdev) {
    std::vector<PendingQuiesce> startable;
    std::scoped_lock lock(bdev->mutex);
    auto& pending = bdev->pending_quiesces;
    for (size_t i = 0; i < pending.size();) {
        const QuiescedRange& range = pending[i].range;
        auto overlaps = [&](const PendingQuiesce& earlier) { return earlier.range.overlaps(range); };
        bool passes =
            std::any_of(pending.begin(), pending.begin() + static_cast<std::ptrdiff_t>(i), overlaps);
        if (passes || overlaps_any(bdev, range)) {
            i++;
            continue;
        }
        bdev->quiesced.push_back(pending[i].range);
        startable.push_back(std::move(pending[i]));
        pending.erase(pending.begin() + static_cast<std::ptrdiff_t>(i));
    }
    return startable;
}

void start_pending(Bdev* bdev) {
    std::vector<PendingQuiesce> startable = cannot_fail("a quiesce", [=] { return take_startable(bdev); });
    for (PendingQuiesce& pending : startable)
        pending.start();
}

int check(const Bdev* bdev, const bdk_module* module, const QuiescedRange& range, bdk_bdev_quiesce_cb cb) {
    uint64_t blockcnt = bdev->blockcnt.load(std::memory_order_relaxed);
    bool inside = range.count == whole ||
                  (range.count != 0 && range.count <= blockcnt && range.offset <= blockcnt - range.count);
    return inside && bdev->config.module == module && cb != nullptr ? 0 : -EINVAL;
}

/// Quiesces the range when its turn has come, then calls done() on this thread. Throws std::bad_alloc without
/// any effect.
void hold_range(Bdev* bdev, const QuiescedRange& range, std::function<void()> done,
                const BdevIo* io = nullptr) {
    auto operation = std::make_shared<Quiesce>(Quiesce{bdev, range, std::move(done)});
    bdk_thread* thread = current_thread();
    {
        std::scoped_lock lock(bdev->mutex);
        auto start = [=] { run_on(thread, [=] { start_quiesce(operation); }); };
        bdev->pending_quiesces.push_back({range, std::move(start), io});
    }
    start_pending(bdev);
}

/// Releases the range, then calls done() on this thread. @return 0; -ENOENT when it is not quiesced.
int release_held_range(Bdev* bdev, const QuiescedRange& range, const std::function<void()>& done) {
    {
        std::scoped_lock lock(bdev->mutex);
        if (std::erase(bdev->quiesced, range) == 0) return -ENOENT;
        cannot_fail("the end of a quiesce", [&] { bdev->released.push_back(range); });
    }
    for_each_bdev_channel(
        bdev, [=](BdevChannel* ch) { release_range(ch, range); },
        [=] {
            {
                std::scoped_lock lock(bdev->mutex);
                std::erase(bdev->released, range);
            }
            start_pending(bdev);
            done();
        });
    return 0;
}

int quiesce(Bdev* bdev, const bdk_module* module, QuiescedRange range, bdk_bdev_quiesce_cb cb, void* ctx) {
    if (int rc = check(bdev, module, range, cb); rc != 0) return rc;
    return or_enomem([&] {
        hold_range(bdev, range, [=] { cb(0, ctx); });
        return 0;
    });
}

int unquiesce(Bdev* bdev, const bdk_module* module, QuiescedRange range, bdk_bdev_quiesce_cb cb, void* ctx) {
    if (int rc = check(bdev, module, range, cb); rc != 0) return rc;
    return release_held_range(bdev, range, [=] { cb(0, ctx); });
}

QuiescedRange range_of(const BdevIo* io) {
    return {io->pub.u.bdev.offset_blocks, io->pub.u.bdev.num_blocks};
}

}  // namespace

void lock_range(BdevIo* io) {
    if (submitter_has_closed(io)) return parent_abort(io);
    io->work.waiting = io->work.waits_for_lock = true;
    int rc = or_enomem([io] {
        auto locked = [io] {
            io->work.waits_for_lock = false;
            io->work.locked = true;
            parent_resume(io);
        };
        hold_range(io->ch->bdev, range_of(io), locked, io);
        return 0;
    });
    if (rc == 0) return;
    io->work.waiting = io->work.waits_for_lock = false;
    IoStatus no_memory;
    no_memory.code = BDK_BDEV_IO_STATUS_NOMEM;
    parent_fail(io, no_memory);
}

bool cancel_lock_wait(BdevIo* io) {
    if (!io->work.waits_for_lock) return false;
    Bdev* bdev = io->ch->bdev;
    {
        std::scoped_lock lock(bdev->mutex);
        const auto is_its = [io](const PendingQuiesce& pending) { return pending.io == io; };
        if (std::erase_if(bdev->pending_quiesces, is_its) == 0) return false;
    }
    io->work.waits_for_lock = false;
    start_pending(bdev);
    return true;
}

void unlock_range(BdevIo* io, void (*unlocked)(BdevIo*)) {
    io->work.locked = false;
    cannot_fail("the end of a compare-and-write",
                [&] { release_held_range(io->ch->bdev, range_of(io), [=] { unlocked(io); }); });
}

bool touches_quiesced_range(const BdevChannel* ch, const BdevIo* io) {
    return std::any_of(ch->quiesced.begin(), ch->quiesced.end(),
                       [&](const QuiescedRange& range) { return touches(io, 0, range.span()); });
}

}  // namespace bdk

using bdk::Bdev;

int bdk_bdev_quiesce_range(bdk_bdev* bdev, const bdk_module* module, uint64_t offset_blocks,
                           uint64_t num_blocks, bdk_bdev_quiesce_cb cb, void* ctx) {
    if (!bdk::on_bdk_thread(BDK_ABI_CALL)) return -EINVAL;
    if (num_blocks == bdk::whole) return -EINVAL;
    return bdk::quiesce(Bdev::of(bdev), module, {offset_blocks, num_blocks}, cb, ctx);
}

int bdk_bdev_unquiesce_range(bdk_bdev* bdev, const bdk_module* module, uint64_t offset_blocks,
                             uint64_t num_blocks, bdk_bdev_quiesce_cb cb, void* ctx) {
    if (!bdk::on_bdk_thread(BDK_ABI_CALL)) return -EINVAL;
    if (num_blocks == bdk::whole) return -EINVAL;
    return bdk::unquiesce(Bdev::of(bdev), module, {offset_blocks, num_blocks}, cb, ctx);
}

int bdk_bdev_quiesce(bdk_bdev* bdev, const bdk_module* module, bdk_bdev_quiesce_cb cb, void* ctx) {
    if (!bdk::on_bdk_thread(BDK_ABI_CALL)) return -EINVAL;
    return bdk::quiesce(Bdev::of(bdev), module, {0, bdk::whole}, cb, ctx);
}

int bdk_bdev_unquiesce(bdk_bdev* bdev, const bdk_module* module, bdk_bdev_quiesce_cb cb, void* ctx) {
    if (!bdk::on_bdk_thread(BDK_ABI_CALL)) return -EINVAL;
    return bdk::unquiesce(Bdev::of(bdev), module, {0, bdk::whole}, cb, ctx);
}

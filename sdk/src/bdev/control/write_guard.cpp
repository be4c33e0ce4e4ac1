// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/control/write_guard.hpp"

#include <array>
#include <cerrno>
#include <new>
#include <utility>

#include "bdev/model/bdev.hpp"
#include "bdev/model/channel.hpp"
#include "bdev/model/channel_walk.hpp"
#include "bdev/model/desc.hpp"
#include "bdev/model/io_pool.hpp"
#include "bdev/model/io_span.hpp"
#include "bdev/path/admit.hpp"
#include "bdev/path/complete.hpp"
#include "bdev/path/leave.hpp"
#include "bdev/path/validate.hpp"
#include "bdev/path/waiting_io.hpp"
#include "log/no_memory.hpp"
#include "thread/io_channel.hpp"
#include "thread/post.hpp"

namespace bdk {

namespace {

constexpr uint64_t watch_period_us = 1'000'000;
/// Ranges that one turn grants at most.
constexpr uint32_t max_grants = 64;

/// The I/O's range at the channel, or nullptr.
WriteRange* range_at(const BdevIo* io, const BdevChannel* ch) {
    WriteRange* range = io->ranges;
    while (range != nullptr && range->ch != ch)
        range = range->next_of_io;
    return range;
}

void link_to_io(WriteRange* range, BdevIo* io) {
    range->io = io;
    range->next_of_io = std::exchange(io->ranges, range);
}

void unlink_from_io(WriteRange* range) {
    WriteRange** link = &range->io->ranges;
    while (*link != range)
        link = &(*link)->next_of_io;
    *link = range->next_of_io;
    range->io = nullptr;
}

/// Throws std::bad_alloc.
WriteRange* make_range(BdevChannel* ch, const Span& span) {
    auto* range = new WriteRange();
    range->guard = ch->bdev->guard;
    range->ch = ch;
    range->thread = ch->pool->thread;
    range->first = span.first;
    range->end = span.end;
    return range;
}

WriteRange* make_range_of(BdevIo* io, BdevChannel* ch, const Span& span) {
    WriteRange* range = make_range(ch, span);
    link_to_io(range, io);
    return range;
}

/// The blocks that an I/O changes at a channel that it has passed; none for a child: its parent has them.
Span changed_at(const BdevChannel* ch, const BdevIo* io) {
    const bool runs = io->state == IoState::in_module || io->state == IoState::core;
    const bool child = io->part.parent != nullptr && io->origin() == ch;
    return runs && !child && io->passed(ch) ? blocks_changed(io, shift_since(io, ch)) : Span{};
}

bool is_inside(const Span& span, const Range& range) {
    return range.first <= span.first && span.end <= range.end;
}

}  // namespace

/// Ranges to be told that they are held, once the mutex has been released.
struct WriteGuard::Granted {
    std::array<WriteRange*, max_grants> ranges;
    uint32_t count = 0;
};

WriteGuard::WriteGuard(Bdev* bdev) noexcept : bdev_(bdev), serial_(bdev->serial) {}

bool WriteGuard::guards() {
    const std::scoped_lock lock(mutex_);
    return stage_ == Stage::rising || stage_ == Stage::up;
}

/* ---- ranges ---- */

bool WriteGuard::add(WriteRange* range) {
    const std::scoped_lock lock(mutex_);
    range->waits = !lock_.add(*range);
    if (range->waits) waiting_++;
    return !range->waits;
}

void WriteGuard::add_in_flight(WriteRange* range) {
    const std::scoped_lock lock(mutex_);
    lock_.add_held(*range);
}

void WriteGuard::make_exclusive(WriteRange* range) {
    const std::scoped_lock lock(mutex_);
    if (range->mode == Range::Mode::exclusive) return;
    lock_.make_exclusive(*range);
    exclusive_++;
    used_ = true;
}

bool WriteGuard::lock(WriteRange* range) {
    range->mode = Range::Mode::exclusive;
    bool rises = false;
    {
        const std::scoped_lock lock(mutex_);
        exclusive_++;
        used_ = true;
        if (stage_ == Stage::up) {
            range->waits = !lock_.add(*range);
        } else {
            range->waits = range->pending = true;
            pending_.push_back(*range);
            rises = stage_ == Stage::down;
            if (rises) stage_ = Stage::rising;
        }
        if (range->waits) waiting_++;
    }
    if (rises) start_rise();
    return !range->waits;
}

void WriteGuard::end(WriteRange* range) {
    {
        const std::scoped_lock lock(mutex_);
        if (range->waits && range->held) {
            range->ended = true;  // arrived() goes on
            return;
        }
        if (range->waits) waiting_--;
    }
    give_back(range);
}

/// Deletes the range, and grants what has waited for it alone.
void WriteGuard::give_back(WriteRange* range) {
    const std::shared_ptr<WriteGuard> kept = std::move(range->guard);
    Granted granted;
    {
        const std::scoped_lock lock(mutex_);
        if (range->mode == Range::Mode::exclusive) exclusive_--;
        if (range->pending)
            range->leave_queue();
        else
            lock_.remove(*range);
        grant_due(granted);
    }
    delete range;
    deliver(granted);
}

/// [mutex held]
void WriteGuard::grant_due(Granted& granted) {
    const bool more = lock_.grant(max_grants, [&](Range& range) {
        granted.ranges[granted.count++] = static_cast<WriteRange*>(&range);
    });
    if (!more || granting_) return;
    granting_ = true;
    post(current_thread(), [self = shared_from_this()] { self->go_on_granting(); });
}

void WriteGuard::go_on_granting() {
    Granted granted;
    {
        const std::scoped_lock lock(mutex_);
        granting_ = false;
        grant_due(granted);
    }
    deliver(granted);
}

/// By messages also on the own thread, so that a long queue of I/Os that end at once does not recurse.
void WriteGuard::deliver(const Granted& granted) {
    for (uint32_t i = 0; i < granted.count; i++) {
        WriteRange* range = granted.ranges[i];
        if (send_always(range->thread, arrived, range)) continue;
        WriteGuard* guard = range->guard.get();  // a thread that has exited writes nothing any more
        {
            const std::scoped_lock lock(guard->mutex_);
            guard->waiting_--;
        }
        guard->give_back(range);
    }
}

/// [range's thread]
void WriteGuard::arrived(void* arg) {
    auto* range = static_cast<WriteRange*>(arg);
    WriteGuard* guard = range->guard.get();
    {
        const std::scoped_lock lock(guard->mutex_);
        guard->waiting_--;
        range->waits = false;
    }
    if (range->ended) return guard->give_back(range);
    if (range->io == nullptr) return range->cb(range->cb_arg, 0);
    range->ch->core_held--;
    io_admit(range->io);
}

/* ---- up and down ---- */

/// Runs fn for each channel of the bdev, and done() on this thread; the bdev may go meanwhile.
void WriteGuard::walk(void (*fn)(WriteGuard*, BdevChannel*), void (WriteGuard::*done)()) {
    for_each_bdev_channel(
        bdev_,
        [self = shared_from_this(), fn](BdevChannel* ch) {
            if (ch->bdev->serial == self->serial_) fn(self.get(), ch);
        },
        [self = shared_from_this(), done] { (self.get()->*done)(); });
}

void WriteGuard::start_rise() {
    walk(enter_in_flight, &WriteGuard::risen);
}

void WriteGuard::raise(std::function<void()> done) {
    bdk_thread* thread = current_thread();
    bool up = false, rises = false;
    {
        const std::scoped_lock lock(mutex_);
        used_ = true;
        up = stage_ == Stage::up;
        rises = stage_ == Stage::down;
        if (rises) stage_ = Stage::rising;
        if (!up)
            cannot_fail("a lock of blocks",
                        [&] { when_up_.emplace_back([thread, done] { post(thread, done); }); });
    }
    if (up) post(thread, std::move(done));
    if (rises) start_rise();
}

/// [channel's thread] New writes take their blocks from here on, and those in flight have them.
void WriteGuard::enter_in_flight(WriteGuard* guard, BdevChannel* ch) {
    ch->flags |= channel_guarded;
    ch->pool->for_each_used([&](BdevIo* io) {
        const Span span = changed_at(ch, io);
        if (span.empty() || range_at(io, ch) != nullptr) return;
        guard->add_in_flight(cannot_fail("a lock of blocks", [&] { return make_range_of(io, ch, span); }));
    });
}

void WriteGuard::risen() {
    std::vector<std::function<void()>> when_up;
    Range::Queue held;
    {
        const std::scoped_lock lock(mutex_);
        stage_ = Stage::up;
        while (!pending_.empty()) {
            auto& range = static_cast<WriteRange&>(pending_.front());
            pending_.pop_front();
            range.pending = false;
            if (lock_.add(range)) held.push_back(range);
        }
        when_up.swap(when_up_);
    }
    while (!held.empty()) {
        Granted one;
        one.ranges[one.count++] = static_cast<WriteRange*>(&held.front());
        held.pop_front();
        deliver(one);
    }
    for (const auto& tell : when_up)
        tell();
    run_on(bdk_thread_get_app_thread(), [self = shared_from_this()] { self->start_watch(); });
}

void WriteGuard::start_watch() {
    if (watch_ended_ || watch_ != nullptr) return;
    watch_ = register_poller_always(look, this, watch_period_us, "bdev_write_guard");
}

void WriteGuard::end_watch() {
    watch_ended_ = true;
    bdk_poller_unregister(&watch_);
}

/// True once nobody has locked blocks for a while: then the guard is to sink.
bool WriteGuard::is_idle() {
    const std::scoped_lock lock(mutex_);
    const bool idle = stage_ == Stage::up && exclusive_ == 0 && waiting_ == 0 && !used_;
    used_ = false;
    if (idle) stage_ = Stage::sinking;
    return idle;
}

int WriteGuard::look(void* arg) {
    auto* self = static_cast<WriteGuard*>(arg);
    if (!self->is_idle()) return BDK_POLLER_IDLE;
    bdk_poller_unregister(&self->watch_);
    self->walk(forget_in_flight, &WriteGuard::sunk);
    return BDK_POLLER_BUSY;
}

void WriteGuard::forget(WriteRange* range) {
    unlink_from_io(range);
    give_back(range);
}

/// [channel's thread] Nobody waits for the shared ranges that there are. An I/O that was abandoned meanwhile
/// keeps its own: the guard is about to rise again.
void WriteGuard::forget_in_flight(WriteGuard* guard, BdevChannel* ch) {
    ch->flags &= ~static_cast<uint32_t>(channel_guarded);
    ch->pool->for_each_used([&](BdevIo* io) {
        WriteRange* range = range_at(io, ch);
        if (range == nullptr) return;
        if (range->mode == Range::Mode::exclusive)
            ch->flags |= channel_guarded;
        else
            guard->forget(range);
    });
}

void WriteGuard::sunk() {
    {
        const std::scoped_lock lock(mutex_);
        const bool wanted = !pending_.empty() || !when_up_.empty();
        stage_ = wanted ? Stage::rising : Stage::down;
        if (!wanted) return;
    }
    start_rise();
}

/* ---- I/O ---- */

std::shared_ptr<WriteGuard> guard_of(Bdev* bdev) {
    const std::scoped_lock lock(bdev->mutex);
    if (bdev->guard == nullptr) bdev->guard = std::make_shared<WriteGuard>(bdev);
    return bdev->guard;
}

void channel_follow_guard(BdevChannel* ch) {
    if (ch->bdev->guard != nullptr && ch->bdev->guard->guards()) ch->flags |= channel_guarded;
}

bool guard_admit(BdevIo* io) {
    BdevChannel* ch = io->ch;
    const Span span = blocks_changed(io, 0);
    if (span.empty() || range_at(io, ch) != nullptr) return true;
    if (io->depth == 0) {
        const auto own = ch->ranges.find(io->cb_arg);
        if (own != ch->ranges.end() && !own->waits && is_inside(span, *own)) return true;
    }
    WriteRange* range = or_null([&] { return make_range_of(io, ch, span); });
    if (range == nullptr) {
        io_complete_from_core(io, BDK_BDEV_IO_STATUS_NOMEM);
        return false;
    }
    if (range->guard->add(range)) return true;
    io->state = IoState::core;
    ch->core_held++;
    if (submitter_has_closed(io) && guard_take_out(ch, io))
        io_complete_from_core(io, BDK_BDEV_IO_STATUS_ABORTED);
    return false;
}

void guard_leave(BdevChannel* ch, BdevIo* io) {
    WriteRange* range = range_at(io, ch);
    if (range == nullptr) return;
    unlink_from_io(range);
    range->guard->end(range);
}

bool guard_holds_back(const BdevChannel* ch, const BdevIo* io) {
    const WriteRange* range = range_at(io, ch);
    return range != nullptr && range->waits;
}

bool guard_take_out(BdevChannel* ch, BdevIo* io) {
    if (!guard_holds_back(ch, io)) return false;
    ch->core_held--;
    guard_leave(ch, io);
    return true;
}

/* ---- abandoned I/O ---- */

bool guard_keep(BdevChannel* ch, BdevIo* io) {
    const Span span = changed_at(ch, io);
    if (span.empty()) return false;
    WriteRange* range = range_at(io, ch);
    if (range == nullptr) {
        range = cannot_fail("keeping the writes of a user who has gone", [&] {
            static_cast<void>(guard_of(ch->bdev));
            return make_range_of(io, ch, span);
        });
        range->guard->add_in_flight(range);
        ch->flags |= channel_guarded;
    }
    range->guard->make_exclusive(range);
    return true;
}

void guard_refuse_waiting(BdevChannel* ch, bdk_bdev_abandon_match match, void* ctx) {
    for (auto it = ch->ranges.begin(); it != ch->ranges.end();) {
        WriteRange& range = *it;
        void* const cb_arg = range.cb_arg;
        if (range.waits && (match == nullptr || match(ctx, cb_arg))) {
            const bdk_bdev_range_cb cb = range.cb;
            bdk_bdev_unlock_range(&range);
            cb(cb_arg, -ECANCELED);
        }
        it = ch->ranges.upper_bound(cb_arg);  // the callback may have changed the set
    }
}

namespace {

int lock_blocks(BdevChannel* ch, const Span& span, bdk_bdev_range_cb cb, void* cb_arg, WriteRange** result) {
    if (ch->ranges.find(cb_arg) != ch->ranges.end()) return -EBUSY;
    static_cast<void>(guard_of(ch->bdev));
    WriteRange* range = make_range(ch, span);
    range->cb = cb;
    range->cb_arg = cb_arg;
    ch->ranges.insert(*range);
    // Counts as an I/O that the core holds: the channel stays, and a close waits.
    ch->io_outstanding++;
    ch->core_held++;
    *result = range;
    return range->guard->lock(range) ? 0 : BDK_PENDING;
}

}  // namespace

}  // namespace bdk

int bdk_bdev_lock_range(bdk_bdev_desc* desc, bdk_io_channel* ch, uint64_t offset_blocks, uint64_t num_blocks,
                        bdk_bdev_range_cb cb, void* cb_arg, bdk_bdev_range** range) {
    bdk::BdevChannel* channel = nullptr;
    int rc = bdk::validate_channel(desc, ch, &channel, BDK_ABI_CALL);
    if (rc == 0) rc = bdk::validate_range(channel, offset_blocks, num_blocks);
    if (rc != 0) return rc;
    if (!desc->write.load(std::memory_order_relaxed)) return -EBADF;
    if (cb == nullptr) return -EINVAL;
    return bdk::or_enomem([&] {
        return bdk::lock_blocks(channel, {offset_blocks, offset_blocks + num_blocks}, cb, cb_arg, range);
    });
}

void bdk_bdev_unlock_range(bdk_bdev_range* range) {
    bdk::BdevChannel* ch = range->ch;
    if (!bdk::on_channels_thread(bdk::io_channel_from_ctx(ch), BDK_ABI_CALL)) return;
    ch->ranges.erase(ch->ranges.iterator_to(*range));
    range->guard->end(range);
    ch->core_held--;
    ch->io_outstanding--;
    bdk::channel_look_at_end(ch);
}

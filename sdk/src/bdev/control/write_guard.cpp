// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/control/write_guard.hpp"

#include <array>
#include <utility>

#include "bdev/control/io_ranges.hpp"
#include "bdev/model/bdev.hpp"
#include "bdev/model/channel.hpp"
#include "bdev/model/channel_walk.hpp"
#include "bdev/model/io_pool.hpp"
#include "bdev/path/admit.hpp"
#include "log/no_memory.hpp"
#include "thread/post.hpp"

namespace bdk {

namespace {

constexpr uint64_t watch_period_us = 1'000'000;
/// The most ranges that one turn grants.
constexpr uint32_t max_grants = 64;

}  // namespace

/// Ranges that have been granted, and whose threads are informed once the mutex has been released.
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
            range->ended = true;  // arrived() deletes it
            return;
        }
        if (range->waits) waiting_--;
    }
    give_back(range);
}

/// Deletes the range, and grants ranges that waited only for it.
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

/// Sends messages, even to its own thread, so that many I/Os that end at once do not recurse deeply.
void WriteGuard::deliver(const Granted& granted) {
    for (uint32_t i = 0; i < granted.count; i++) {
        WriteRange* range = granted.ranges[i];
        if (send_always(range->thread, arrived, range)) continue;
        WriteGuard* guard = range->guard.get();  // a thread that has exited has nothing left to write
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
    if (range->io == nullptr) return range->cb(0, range->cb_arg);
    range->ch->core_held--;
    io_admit(range->io);
}

/* ---- up and down ---- */

/// Runs fn for each channel of the bdev, then done() on this thread. The bdev may go meanwhile.
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

/// [channel's thread] From here on new writes take their blocks, and the writes in flight have theirs.
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

/// True once no range has been locked for a while: the guard should then go down.
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

/// [channel's thread] Deletes the shared ranges of I/Os in flight, which nobody waits for. An I/O that has
/// been abandoned meanwhile keeps its range, and so does a write that waits for it: the guard is about to
/// rise again.
void WriteGuard::forget_in_flight(WriteGuard* guard, BdevChannel* ch) {
    ch->flags &= ~static_cast<uint32_t>(channel_guarded);
    ch->pool->for_each_used([&](BdevIo* io) {
        WriteRange* range = range_at(io, ch);
        if (range == nullptr) return;
        if (range->mode == Range::Mode::exclusive || range->waits)
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

}  // namespace bdk

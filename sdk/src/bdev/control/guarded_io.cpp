// SPDX-License-Identifier: BSD-3-Clause
// The effect of a WriteGuard on the I/O on the channels of its bdev.
#include <utility>

#include "bdev/control/io_ranges.hpp"
#include "bdev/control/write_guard.hpp"
#include "bdev/model/bdev.hpp"
#include "bdev/path/complete.hpp"
#include "bdev/path/waiting_io.hpp"
#include "log/no_memory.hpp"

namespace bdk {

namespace {

bool is_inside(const Span& span, const Range& range) {
    return range.first <= span.first && span.end <= range.end;
}

}  // namespace

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

}  // namespace bdk

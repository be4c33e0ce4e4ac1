// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/control/io_ranges.hpp"

#include <utility>

#include "bdev/model/bdev.hpp"
#include "bdev/model/io_pool.hpp"

namespace bdk {

namespace {

void link_to_io(WriteRange* range, BdevIo* io) {
    range->io = io;
    range->next_of_io = std::exchange(io->ranges, range);
}

}  // namespace

WriteRange* range_at(const BdevIo* io, const BdevChannel* ch) {
    WriteRange* range = io->ranges;
    while (range != nullptr && range->ch != ch)
        range = range->next_of_io;
    return range;
}

void unlink_from_io(WriteRange* range) {
    WriteRange** link = &range->io->ranges;
    while (*link != range)
        link = &(*link)->next_of_io;
    *link = range->next_of_io;
    range->io = nullptr;
}

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

Span changed_at(const BdevChannel* ch, const BdevIo* io) {
    const bool child = io->part.parent != nullptr && io->origin() == ch;
    return io->is_in_flight() && !child && io->passed(ch) ? blocks_changed(io, shift_since(io, ch)) : Span{};
}

}  // namespace bdk

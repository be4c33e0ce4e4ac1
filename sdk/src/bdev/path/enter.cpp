// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/path/enter.hpp"

#include "bdev/model/io_pool.hpp"
#include "bdev/path/admit.hpp"
#include "bdev/path/complete.hpp"
#include "bdev/path/context.hpp"
#include "bdev/path/dispatch.hpp"
#include "bdev/path/validate.hpp"

namespace bdk {

namespace {

/// Counts the I/O at its layer. False if it has to take the slow path.
bool enter_fast(BdevIo* io) {
    BdevChannel* ch = io->ch;
    if (!io_count_in(io)) [[unlikely]]
        return false;
    return (ch->flags | (ch->bdev->core_types & BDK_BDEV_IO_TYPE_BIT(io->pub.type))) == 0;
}

/// Begins the slow path. @return 0, or the errno with which the I/O is refused.
int enter_slow(BdevIo* io) {
    io->state = IoState::core;
    if (io->ch->ctx_size != 0 && io->pub.driver_ctx == nullptr)
        io_complete_from_core(io, BDK_BDEV_IO_STATUS_NOMEM);
    else if (int rc = validate_entry(io); rc != 0)
        return rc;
    else
        io_admit(io);
    return 0;
}

/// Begins the slow path for an I/O that is already accepted, and fails it instead of refusing it.
[[gnu::noinline, gnu::cold]] void enter_slow_or_fail(BdevIo* io) {
    if (int rc = enter_slow(io); rc != 0) io_complete_from_core(io, status_from_errno(rc));
}

}  // namespace

int io_submit(BdevIo* io) {
    if (enter_fast(io)) [[likely]] {
        io_dispatch(io);
        return 0;
    }
    int rc = enter_slow(io);
    if (rc == 0) return 0;
    if (io->ch->ctx_size != 0) io_give_back_ctx(io, io->ch);
    io->ch->io_outstanding--;
    io->pool->give_back(io);
    return rc;
}

void io_enter(BdevIo* io) {
    if (enter_fast(io)) return io_dispatch(io);
    enter_slow_or_fail(io);
}

void io_enter_forwarded(BdevIo* io, bool in_submit) {
    if (!enter_fast(io)) [[unlikely]]
        return enter_slow_or_fail(io);
    if (in_submit)
        io->state = IoState::forwarded;  // io_dispatch() continues with it
    else
        io_dispatch(io);
}

void io_hold(BdevIo* io, BdevChannel* ch) {
    io->ch = ch;
    io->pub.bdev = ch->bdev->pub;
    io->pub.driver_ctx = nullptr;
    io->submit_ticks = current_thread()->turn_ticks;
    io->state = IoState::core;
    ch->io_outstanding++;
    ch->core_held++;
}

}  // namespace bdk

// SPDX-License-Identifier: BSD-3-Clause
// Orders the writes of a bdev, for users that need it (range_lock.h).
//
// A bdev without locked ranges pays nothing: its guard is down and has no part in any I/O. The first range
// that is locked raises the guard. A walk sets channel_guarded on every channel of the bdev and enters each
// write in flight there into the RangeLock, as a shared range that is held. When the walk has ended, the
// guard is up: each write of the bdev takes its blocks, shared, when it enters the bdev's layer, and gives
// them back when it leaves the layer. Locked ranges are exclusive. Once no range has been locked for a
// second, another walk clears the flags.
#pragma once

#include <bdevkit/poller.h>

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/export.hpp"
#include "bdev/model/write_range.hpp"

namespace bdk {

struct Bdev;

/// The guard of one bdev, made when it is first needed. The bdev, walks under way and ranges share it.
class BDK_INTERNAL WriteGuard : public std::enable_shared_from_this<WriteGuard> {
public:
    explicit WriteGuard(Bdev* bdev) noexcept;

    /// [any thread] True if a new channel must be guarded.
    bool guards();

    /// [channel's thread] Adds the range of an I/O. @return true if it is held at once
    bool add(WriteRange* range);
    /// [channel's thread] Adds the range of an I/O that is in flight.
    void add_in_flight(WriteRange* range);
    /// [channel's thread] Makes later ranges wait for the range of an abandoned I/O.
    void make_exclusive(WriteRange* range);
    /// [channel's thread] Adds a user's range, and raises the guard if need be. @return true if it is held at
    /// once
    bool lock(WriteRange* range);
    /// [channel's thread] Ends the range, held or waiting. It is deleted now, or when its grant arrives.
    void end(WriteRange* range);

    /// [bdk thread] Calls done() on this thread once the guard is up.
    void raise(std::function<void()> done);

    /// [app thread] The bdev is being removed.
    void end_watch();

private:
    enum class Stage : uint8_t { down, rising, up, sinking };
    struct Granted;

    void grant_due(Granted& granted);
    static void deliver(const Granted& granted);
    void go_on_granting();
    static void arrived(void* range);
    void give_back(WriteRange* range);
    void walk(void (*fn)(WriteGuard* guard, BdevChannel* ch), void (WriteGuard::*done)());
    void start_rise();
    void risen();
    void sunk();
    void start_watch();
    bool is_idle();
    static int look(void* self);
    static void enter_in_flight(WriteGuard* guard, BdevChannel* ch);
    static void forget_in_flight(WriteGuard* guard, BdevChannel* ch);
    void forget(WriteRange* range);

    Bdev* const bdev_;
    const uint64_t serial_;

    std::mutex mutex_;
    Stage stage_ = Stage::down;
    RangeLock lock_;
    Range::Queue pending_;  ///< users' ranges, until the guard is up
    std::vector<std::function<void()>> when_up_;
    uint64_t exclusive_ = 0;  ///< exclusive ranges, pending ones included
    uint64_t waiting_ = 0;    ///< ranges whose grant has not arrived
    bool used_ = false;       ///< true if a range was locked since the last look()
    bool granting_ = false;   ///< a message that continues granting is on its way

    // [app thread]
    bdk_poller* watch_ = nullptr;
    bool watch_ended_ = false;
};

/// [channel's thread] Makes a new channel follow its bdev's guard. The bdev's mutex is held.
void channel_follow_guard(BdevChannel* ch);

/// [channel's thread] An I/O enters a guarded channel. False: it waits, or it has failed for lack of memory.
bool guard_admit(BdevIo* io);

/// [channel's thread] An I/O leaves a guarded channel.
void guard_leave(BdevChannel* ch, BdevIo* io);

/// [channel's thread] True if the I/O waits for blocks at the channel.
bool guard_holds_back(const BdevChannel* ch, const BdevIo* io);

/// [channel's thread] Takes out an I/O that waits for blocks. False: it does not wait.
bool guard_take_out(BdevChannel* ch, BdevIo* io);

/// [channel's thread] Makes an I/O in flight keep its blocks from everything that comes later. False if it
/// changes no blocks.
bool guard_keep(BdevChannel* ch, BdevIo* io);

/// [channel's thread] Ends the users' ranges that wait, and tells the users by their callbacks.
void guard_refuse_waiting(BdevChannel* ch, bdk_bdev_abandon_match match, void* ctx);

/// [bdk thread] The bdev's guard, made if it has none. Throws std::bad_alloc.
std::shared_ptr<WriteGuard> guard_of(Bdev* bdev);

}  // namespace bdk

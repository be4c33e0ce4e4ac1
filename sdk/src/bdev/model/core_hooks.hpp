// SPDX-License-Identifier: BSD-3-Clause
// What the rooms of the bdev core need of rooms above them.
//
// The rooms may include each other in one direction only (docs/architecture.md). Where the way of an I/O
// comes to a point at which a room above has a word to say, it calls a hook. rooms.cpp fills the table, and
// so lists every call that goes upwards.
#pragma once

#include "bdev/model/bdev_io.hpp"

namespace bdk {

struct Bdev;
struct BdevChannel;

struct CoreHooks {
    // --- control
    void (*reset)(BdevIo* io);     ///< carries a reset out: reset_start()
    void (*abort)(BdevIo* io);     ///< carries an abort out: abort_start()
    bool (*admit)(BdevIo* io);     ///< whether the I/O may go on: admit()
    bool (*take_out)(BdevIo* io);  ///< of what it waits for: take_out_of_wait()
    bool (*leave)(BdevIo* io);     ///< whether a reset leaves its layer: reset_leave()
    void (*give_blocks_back)(BdevChannel* ch, BdevIo* io);  ///< guard_leave()
    void (*lock_range)(BdevIo* io);
    bool (*cancel_lock_wait)(BdevIo* io);
    void (*unlock_range)(BdevIo* io, void (*unlocked)(BdevIo* io));

    // --- steps
    bool (*begin_step)(BdevIo* io);

    // --- lifecycle
    void (*go_on_without_io)(void* io_channel);

    // --- observe
    void (*follow_measurement)(BdevChannel* ch);  ///< channel_follow_histogram()
    void (*leave_measurement)(BdevChannel* ch);   ///< channel_leave_histogram()
    void (*measure)(BdevChannel* ch, const BdevIo* io);
    void (*bdev_goes)(Bdev* bdev);  ///< end_observation()
};

extern const CoreHooks core_hooks;

}  // namespace bdk

// SPDX-License-Identifier: BSD-3-Clause
// Calls from the rooms of the bdev core to rooms above them.
//
// The rooms may include each other in one direction only (docs/architecture.md). Where an I/O comes to a
// point at which a room above has a part, the code calls a hook. rooms.cpp fills the table, and thereby lists
// every call that goes upwards.
#pragma once

#include "bdev/model/bdev_io.hpp"

namespace bdk {

struct Bdev;
struct BdevChannel;

struct CoreHooks {
    // --- control
    void (*reset)(BdevIo* io);     ///< carries a reset out: reset_start()
    void (*abort)(BdevIo* io);     ///< carries an abort out: abort_start()
    bool (*admit)(BdevIo* io);     ///< true if the I/O may go on: admit()
    bool (*take_out)(BdevIo* io);  ///< ends a wait of the I/O: take_out_of_wait()
    bool (*leave)(BdevIo* io);     ///< true if the I/O leaves its layer at once: reset_leave()
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

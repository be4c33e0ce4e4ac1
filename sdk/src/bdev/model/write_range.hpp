// SPDX-License-Identifier: BSD-3-Clause
// Blocks of a bdev that are being written, or that a user has locked (range_lock.h).
//
// A range belongs to one channel and its thread. Other threads can only grant it: they set `held` under the
// mutex of the bdev's WriteGuard (control/write_guard.hpp) and send a message. The range lives until the
// message has arrived.
#pragma once

#include <bdevkit/range_lock.h>
#include <bdevkit/thread.h>

#include <boost/intrusive/set.hpp>
#include <memory>

#include "bdev/model/range_lock.hpp"

namespace bdk {

struct BdevChannel;
struct BdevIo;
class WriteGuard;

struct ByOwner;
using OwnerHook = boost::intrusive::set_base_hook<boost::intrusive::tag<ByOwner>>;

}  // namespace bdk

/// The blocks of an I/O at one of its layers, or those that a user has locked.
struct bdk_bdev_range : bdk::Range, bdk::OwnerHook {
    std::shared_ptr<bdk::WriteGuard> guard;
    bdk::BdevChannel* ch = nullptr;
    bdk_thread* thread = nullptr;
    bool waits = false;    ///< until its grant has arrived
    bool ended = false;    ///< given back while its grant was on its way
    bool pending = false;  ///< waits for the guard to be up

    bdk::BdevIo* io = nullptr;  ///< nullptr: a user's range
    bdk_bdev_range* next_of_io = nullptr;

    bdk_bdev_range_cb cb = nullptr;
    void* cb_arg = nullptr;
};

namespace bdk {

using WriteRange = bdk_bdev_range;

struct OwnerOf {
    using type = void*;
    void* operator()(const WriteRange& range) const noexcept { return range.cb_arg; }
};

/// The ranges that users have locked on a channel, or wait for, by cb_arg.
using OwnedRanges = boost::intrusive::set<WriteRange, boost::intrusive::base_hook<OwnerHook>,
                                          boost::intrusive::key_of_value<OwnerOf>>;

}  // namespace bdk

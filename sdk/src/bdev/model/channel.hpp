// SPDX-License-Identifier: BSD-3-Clause
// The state per desc and thread, and the state that the channels of one module channel share.
#pragma once

#include <bdevkit/desc.h>
#include <bdevkit/poller.h>

#include <vector>

#include "bdev/model/bdev_io.hpp"
#include "bdev/model/io_timeout.hpp"
#include "bdev/model/latencies.hpp"
#include "bdev/model/qos.hpp"
#include "bdev/model/quiesced_range.hpp"
#include "bdev/model/stat.hpp"
#include "bdev/model/write_range.hpp"

namespace bdk {

struct Bdev;
struct BdevChannel;
struct IoPool;

/// Reasons for an I/O, or its completion, to leave the fast path.
enum ChannelFlag : uint32_t {
    channel_closing = 1u << 0,   ///< the desc is closed: no new I/O
    channel_frozen = 1u << 1,    ///< a reset is under way: I/O waits in `held`
    channel_nomem = 1u << 2,     ///< the module has run out of memory: I/O waits in `shared->nomem`
    channel_put = 1u << 3,       ///< put with I/O in flight: destroyed after the last I/O
    channel_quiesced = 1u << 4,  ///< I/O on a quiesced range waits in `quiesced_io`
    channel_measured = 1u << 5,  ///< latencies are recorded in `latencies`
    channel_limited = 1u << 6,   ///< the bdev has rate limits: I/O may wait in `qos`
    channel_children = 1u << 7,  ///< children, which are not counted, are in flight
    channel_hides_md = 1u << 8,  ///< its desc hides metadata
    channel_guarded = 1u << 9,   ///< writes have blocks or wait for them: see control/write_guard.hpp
};

/// The state that the bdev channels of one module channel share: the queue of I/Os that the module answered
/// with NOMEM.
struct SharedResource {
    bdk_io_channel* module_ch = nullptr;
    IoQueue nomem;
    bdk_poller* retry = nullptr;  ///< runs only while no I/O is outstanding whose end would trigger the retry
    std::vector<BdevChannel*> channels;

    SharedResource() = default;
    ~SharedResource() { bdk_poller_unregister(&retry); }
    SharedResource(const SharedResource&) = delete;
    SharedResource& operator=(const SharedResource&) = delete;

    /// The number of I/Os that the module has. The core waits for their completion, not for that of I/Os that
    /// it holds itself.
    uint64_t outstanding_in_module() const;
};

/// The context of an io_channel whose io_device is a desc.
struct alignas(64) BdevChannel {
    // --- line 0: every I/O
    void (*submit)(bdk_io_channel*, bdk_bdev_io*) = nullptr;
    bdk_io_channel* module_ch = nullptr;  ///< NULL once the desc is closed and nothing is in flight
    Bdev* bdev = nullptr;
    bdk_bdev_desc* desc = nullptr;
    IoPool* pool = nullptr;
    uint64_t io_outstanding = 0;  ///< submitted and not completed, including I/Os that the core holds
    uint32_t flags = 0;
    uint32_t ctx_size = 0;
    uint64_t fast_types = 0;  ///< see path/fast_path.hpp

    IoStat stat;
    void* free_ctx = nullptr;  ///< contexts too large for a bdev_io, linked through their first word
    MeasuredLatencies latencies;
    ChannelQos qos;
    SharedResource* shared = nullptr;
    size_t shared_place = 0;  ///< position in shared->channels
    uint64_t core_held = 0;   ///< of io_outstanding: parents, and I/Os in one of the queues
    uint64_t children = 0;    ///< of io_outstanding: children
    IoQueue held;             ///< waiting for the end of a reset
    std::vector<QuiescedRange> quiesced;
    IoQueue quiesced_io;                        ///< waiting for the release of a range
    OwnedRanges ranges;                         ///< ranges that users have locked, or wait for
    IoTimeout timeout;                          ///< the channel's copy of the desc's setting
    bdk_poller* timeouts = nullptr;             ///< looks for late I/Os; nullptr without a timeout
    uint64_t timeouts_checked = 0;              ///< time of the last look, in ticks
    bdk_io_channel_iter* close_iter = nullptr;  ///< a close that waits for io_outstanding to reach 0

    /// True if I/O with this cb_arg continues a write that has locked its blocks.
    bool goes_on_with_locked_range(const void* cb_arg) const {
        const auto it = ranges.find(const_cast<void*>(cb_arg));
        return it != ranges.end() && !it->waits;
    }
};

inline uint64_t SharedResource::outstanding_in_module() const {
    uint64_t sum = 0;
    for (const BdevChannel* channel : channels)
        sum += channel->io_outstanding - channel->core_held;
    return sum;
}

}  // namespace bdk

// SPDX-License-Identifier: BSD-3-Clause
// Per (desc, thread) state, and what the channels of one module channel share.
#pragma once

#include <bdevkit/desc.h>
#include <bdevkit/poller.h>

#include <functional>
#include <utility>
#include <vector>

#include "base/no_memory.hpp"
#include "bdev/control/qos.hpp"
#include "bdev/control/quiesce.hpp"
#include "bdev/control/timeout.hpp"
#include "bdev/control/write_guard.hpp"
#include "bdev/model/bdev_io.hpp"
#include "bdev/model/stat.hpp"
#include "bdev/observe/histogram.hpp"

namespace bdk {

struct Bdev;
struct BdevChannel;
struct IoPool;

/// Reasons for an I/O, or its completion, to leave the fast path.
enum ChannelFlag : uint32_t {
    channel_closing = 1u << 0,   ///< the desc is closed: no new I/O
    channel_frozen = 1u << 1,    ///< a reset runs: I/O waits in `held`
    channel_nomem = 1u << 2,     ///< the module ran out of memory: I/O waits in `shared->nomem`
    channel_put = 1u << 3,       ///< put with I/O in flight: destroyed after the last one
    channel_quiesced = 1u << 4,  ///< I/O on some range waits in `quiesced_io`
    channel_measured = 1u << 5,  ///< latencies are counted in `latencies`
    channel_limited = 1u << 6,   ///< the bdev has rate limits: I/O may wait in `qos`
    channel_children = 1u << 7,  ///< I/Os of the core's own are in flight, which are not counted
    channel_hides_md = 1u << 8,  ///< of a desc that hides metadata
    channel_guarded = 1u << 9,   ///< writes have blocks, or wait for them: see write_guard.hpp
};

/// What the bdev channels of one module channel share: the queue of I/Os that the module answered with NOMEM.
struct SharedResource {
    bdk_io_channel* module_ch = nullptr;
    IoQueue nomem;
    bdk_poller* retry = nullptr;  ///< paused unless no I/O is outstanding that could trigger the retry
    std::vector<BdevChannel*> channels;

    SharedResource() = default;
    ~SharedResource() { bdk_poller_unregister(&retry); }
    SharedResource(const SharedResource&) = delete;
    SharedResource& operator=(const SharedResource&) = delete;

    uint64_t outstanding_in_module() const;  ///< what the core holds has no completion to wait for
};

/// The context of an io_channel whose io_device is a desc.
struct alignas(64) BdevChannel {
    // --- line 0: every I/O
    void (*submit)(bdk_io_channel*, bdk_bdev_io*) = nullptr;
    bdk_io_channel* module_ch = nullptr;  ///< NULL once the desc is closed and nothing is in flight
    Bdev* bdev = nullptr;
    bdk_bdev_desc* desc = nullptr;
    IoPool* pool = nullptr;
    uint64_t io_outstanding = 0;  ///< submitted and not completed, I/Os that the core holds included
    uint32_t flags = 0;
    uint32_t ctx_size = 0;
    uint64_t straight_types = 0;  ///< see straight.hpp

    IoStat stat;
    void* free_ctx = nullptr;  ///< contexts too large for a bdev_io, linked through their first word
    MeasuredLatencies latencies;
    ChannelQos qos;
    SharedResource* shared = nullptr;
    size_t shared_place = 0;  ///< in its list of channels
    uint64_t core_held = 0;   ///< of io_outstanding: parents, and what waits in one of the queues
    uint64_t children = 0;    ///< of io_outstanding: the core's own
    IoQueue held;             ///< waiting for the end of a reset
    std::vector<QuiescedRange> quiesced;
    IoQueue quiesced_io;                        ///< waiting for the release of a range
    OwnedRanges ranges;                         ///< that users have locked, or wait for
    IoTimeout timeout;                          ///< of the desc, as this channel has it
    bdk_poller* timeouts = nullptr;             ///< looks for late I/Os, where there is a timeout
    uint64_t timeouts_checked = 0;              ///< ticks
    bdk_io_channel_iter* close_iter = nullptr;  ///< a close that waits for io_outstanding to reach 0
};

/// [channel's thread] The callbacks of a desc as io_device.
int bdev_channel_create(void* desc, void* ctx);
void bdev_channel_destroy(void* desc, void* ctx);

/// [channel's thread] Slow part of a completion on a channel that has flags: a histogram, blocks that the I/O
/// had, retries and a waiting close.
void channel_io_done(BdevChannel* ch, BdevIo* io);

/// [channel's thread] Goes on with a close, or an end, that waits for what is in flight, if that was the
/// last.
void channel_look_at_end(BdevChannel* ch);

/// [channel's thread] Puts an I/O into one of its channel's queues, unless its submitter has closed: then it
/// ends as aborted. False then.
bool hold_in(IoQueue& queue, BdevIo* io);

/// [channel's thread] Takes the first one out.
inline BdevIo* release_from(IoQueue& queue) {
    BdevIo* io = queue.pop();
    io->ch->core_held--;
    return io;
}

/// [channel's thread] Puts an I/O that the module could not take into the queue for memory.
void channel_queue_nomem(BdevIo* io);

/// [desc's thread] Refuses new I/O on every channel of the desc; then waits on each for what is in flight and
/// releases the module's channel; then done().
void close_channels(bdk_bdev_desc* desc, std::function<void()> done);

void walk_bdev_channels(Bdev* bdev, std::function<void(BdevChannel*)> fn, std::function<void()> done);

/// [bdk thread] Runs fn for each channel of the bdev, whatever the desc, on the channel's thread; then done()
/// on the calling thread.
template <typename Fn, typename Ended>
void for_each_bdev_channel(Bdev* bdev, Fn&& fn, Ended&& done) {
    cannot_fail("a walk over the channels of a bdev",
                [&] { walk_bdev_channels(bdev, std::forward<Fn>(fn), std::forward<Ended>(done)); });
}

}  // namespace bdk

// SPDX-License-Identifier: BSD-3-Clause
// Blocks that users lock (range_lock.h).
#include <bdevkit/range_lock.h>

#include <cerrno>
#include <memory>
#include <mutex>
#include <unordered_set>

#include "bdev/control/io_ranges.hpp"
#include "bdev/control/write_guard.hpp"
#include "bdev/model/desc.hpp"
#include "bdev/path/leave.hpp"
#include "bdev/path/validate.hpp"
#include "log/no_memory.hpp"
#include "log/violation.hpp"
#include "thread/io_channel.hpp"

namespace bdk {

namespace {

/// The users' ranges that have not been unlocked, so that a second unlock of a range is reported and ignored.
class LiveRanges {
public:
    void add(const WriteRange* range) {
        const std::scoped_lock lock(mutex_);
        ranges_.insert(range);
    }

    /// True the first time that it is called for a range.
    bool take(const WriteRange* range) {
        const std::scoped_lock lock(mutex_);
        return ranges_.erase(range) != 0;
    }

    bool contains(const WriteRange* range) {
        const std::scoped_lock lock(mutex_);
        return ranges_.contains(range);
    }

private:
    std::mutex mutex_;
    std::unordered_set<const WriteRange*> ranges_;
};

LiveRanges& live_ranges() {
    static LiveRanges instance;
    return instance;
}

/// Throws std::bad_alloc without any effect.
int lock_blocks(BdevChannel* ch, const Span& span, bdk_bdev_range_cb cb, void* cb_arg, WriteRange** result) {
    if (ch->ranges.find(cb_arg) != ch->ranges.end()) return -EBUSY;
    static_cast<void>(guard_of(ch->bdev));
    std::unique_ptr<WriteRange> made(make_range(ch, span));
    live_ranges().add(made.get());
    WriteRange* range = made.release();
    range->cb = cb;
    range->cb_arg = cb_arg;
    ch->ranges.insert(*range);
    // Counts as an I/O that the core holds: the channel stays, and a close waits.
    ch->io_outstanding++;
    ch->core_held++;
    *result = range;
    return range->guard->lock(range) ? 0 : BDK_PENDING;
}

void unlock(WriteRange* range) {
    BdevChannel* ch = range->ch;
    live_ranges().take(range);
    ch->ranges.erase(ch->ranges.iterator_to(*range));
    range->guard->end(range);
    ch->core_held--;
    ch->io_outstanding--;
    channel_look_at_end(ch);
}

}  // namespace

void guard_refuse_waiting(BdevChannel* ch, bdk_bdev_abandon_match match, void* ctx) {
    for (auto it = ch->ranges.begin(); it != ch->ranges.end();) {
        WriteRange& range = *it;
        void* const cb_arg = range.cb_arg;
        if (range.waits && (match == nullptr || match(ctx, cb_arg))) {
            const bdk_bdev_range_cb cb = range.cb;
            unlock(&range);
            cb(-ECANCELED, cb_arg);
        }
        it = ch->ranges.upper_bound(cb_arg);  // the callback may have changed the set
    }
}

}  // namespace bdk

int bdk_bdev_lock_range(bdk_bdev_desc* desc, bdk_io_channel* ch, uint64_t offset_blocks, uint64_t num_blocks,
                        bdk_bdev_range_cb cb, void* cb_arg, bdk_bdev_range** range) {
    bdk::BdevChannel* channel = nullptr;
    int rc = bdk::validate_channel(desc, ch, &channel, BDK_ABI_CALL);
    if (rc == 0) rc = bdk::validate_range(channel, offset_blocks, num_blocks);
    if (rc != 0) return rc;
    if (!desc->write.load(std::memory_order_relaxed)) return -EBADF;
    if (cb == nullptr) return -EINVAL;
    return bdk::or_enomem([&] {
        return bdk::lock_blocks(channel, {offset_blocks, offset_blocks + num_blocks}, cb, cb_arg, range);
    });
}

void bdk_bdev_unlock_range(bdk_bdev_range* range) {
    if (!bdk::live_ranges().contains(range)) {
        bdk::report_violation(
            {.rule = 0,
             .what = "bdk_bdev_unlock_range() of blocks that are not locked",
             .advice = "unlock each range once, and not after its cb was called with -ECANCELED",
             .return_address = __builtin_return_address(0)});
        return;
    }
    if (!bdk::on_channels_thread(bdk::io_channel_from_ctx(range->ch), BDK_ABI_CALL)) return;
    bdk::unlock(range);
}

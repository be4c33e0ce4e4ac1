// SPDX-License-Identifier: BSD-3-Clause
// Zeroes ranges, large ones step by step.
#pragma once

#include <bdevkit/bdevkit.hpp>

#include <algorithm>
#include <utility>
#include <vector>

/// The channel of a malloc disk, which does the zeroing of one thread. `Disk` must have zero(io, first,
/// count), which zeroes `count` blocks of the I/O's range beginning at its block `first`.
template <class Disk>
class ZeroingChannel {
public:
    explicit ZeroingChannel(Disk& disk)
        : disk_(disk),
          blocks_per_step_(bytes_per_step / disk.data_block_size()),
          poller_(bdevkit::Poller::start<&ZeroingChannel::zero_next_step>(this, disk.name())) {
        poller_.pause();
    }

    void zero(bdevkit::Io io) {
        if (io.num_blocks() <= blocks_per_step_) {
            disk_.zero(io, 0, io.num_blocks());
            return io.complete();
        }
        if (queue_.empty()) poller_.resume();
        queue_.push_back({io, 0});
    }

    /// Stops the zeroing of `io`. False when it is not here.
    bool abort(bdk_bdev_io* io) {
        const auto found = std::find_if(queue_.begin(), queue_.end(),
                                        [&](const Zeroing& zeroing) { return zeroing.io.get() == io; });
        if (found == queue_.end()) return false;
        queue_.erase(found);
        bdevkit::Io(io).complete(bdevkit::IoStatus::aborted);
        return true;
    }

    void abort_all() {
        for (const Zeroing& zeroing : std::exchange(queue_, {}))
            zeroing.io.complete(bdevkit::IoStatus::aborted);
    }

private:
    static constexpr uint64_t bytes_per_step = 4 << 20;

    struct Zeroing {
        bdevkit::Io io;
        uint64_t done;  ///< blocks
    };

    bool zero_next_step() {
        if (queue_.empty()) {
            poller_.pause();
            return false;
        }
        Zeroing& next = queue_.front();
        const uint64_t step = std::min(blocks_per_step_, next.io.num_blocks() - next.done);
        disk_.zero(next.io, next.done, step);
        next.done += step;
        if (next.done == next.io.num_blocks()) {
            const bdevkit::Io io = next.io;
            queue_.erase(queue_.begin());
            io.complete();
        }
        return true;
    }

    Disk& disk_;
    uint64_t blocks_per_step_;
    std::vector<Zeroing> queue_;
    bdevkit::Poller poller_;
};

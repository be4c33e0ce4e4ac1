// SPDX-License-Identifier: BSD-3-Clause
/// @file io_batch.hpp
/// I/Os that a channel gathers during a turn of the reactor and ends together in the next one. That is how a
/// device without hardware gets what hardware has: work in batches, where the memory of the next I/O is on
/// its way while the present one is done.
#pragma once

#include <bdevkit/io.hpp>
#include <bdevkit/poller.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace BDEVKIT_HIDDEN bdevkit {

/// Brings the cache line of `address` nearer.
inline void prefetch(const void* address) noexcept {
    __builtin_prefetch(address);
    asm volatile("");  // gcc removes calls of functions that do nothing but prefetch
}

/**
 * A member of a channel. `Worker` outlives it and has
 *
 *     void prepare(Io io);  called a few I/Os before finish(): the place to prefetch
 *     void finish(Io io);   ends the I/O
 *
 * Its poller is paused while nothing is queued, so that an idle host sleeps.
 */
template <class Worker>
class IoBatch {
public:
    /// [bdk thread] @param name  of the poller
    IoBatch(Worker& worker, const char* name)
        : worker_(worker), poller_(Poller::start<&IoBatch::finish_batch>(this, name)) {
        queued_.reserve(initial_capacity);
        batch_.reserve(initial_capacity);
        poller_.pause();
    }
    IoBatch(const IoBatch&) = delete;
    IoBatch& operator=(const IoBatch&) = delete;

    /// [channel's thread] Takes the I/O; finish() gets it in the next turn.
    void add(Io io) {
        if (std::exchange(paused_, false)) poller_.resume();
        queued_.push_back(io.get());
    }

    /// [channel's thread] Completes the I/O as aborted. False when it is not here.
    bool abort(bdk_bdev_io* io) {
        for (auto* list : {&queued_, &batch_})
            for (bdk_bdev_io*& slot : *list)
                if (slot == io) {
                    slot = nullptr;
                    Io(io).complete(IoStatus::aborted);
                    return true;
                }
        return false;
    }

    /// [channel's thread] Completes all as aborted.
    void abort_all() {
        for (auto* list : {&queued_, &batch_})
            for (bdk_bdev_io*& slot : *list)
                if (bdk_bdev_io* io = std::exchange(slot, nullptr)) Io(io).complete(IoStatus::aborted);
    }

private:
    static constexpr size_t initial_capacity = 256;
    /// Turns without work before the poller pauses: pausing at once would cost a resume per I/O at depth 1.
    static constexpr uint32_t idle_turns_before_pause = 64;
    /// I/Os between prepare() and finish().
    static constexpr size_t lead = 4;

    bool finish_batch() {
        if (queued_.empty()) {
            paused_ = ++idle_turns_ >= idle_turns_before_pause;
            if (paused_) poller_.pause();
            return false;
        }
        idle_turns_ = 0;
        std::swap(queued_, batch_);  // what the callbacks submit waits for the next turn
        for (size_t i = 0; i < lead && i < batch_.size(); i++)
            prepare(i);
        for (size_t i = 0; i < batch_.size(); i++) {
            prepare(i + lead);
            if (bdk_bdev_io* io = std::exchange(batch_[i], nullptr)) worker_.finish(Io(io));
        }
        batch_.clear();
        return true;
    }

    void prepare(size_t i) {
        if (i < batch_.size() && batch_[i] != nullptr) worker_.prepare(Io(batch_[i]));
    }

    Worker& worker_;
    std::vector<bdk_bdev_io*> queued_;  ///< nullptr where an I/O was aborted
    std::vector<bdk_bdev_io*> batch_;   ///< being finished; nullptr where done
    Poller poller_;
    uint32_t idle_turns_ = 0;
    bool paused_ = true;
};

}  // namespace bdevkit

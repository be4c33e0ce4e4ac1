// SPDX-License-Identifier: BSD-3-Clause
/// @file io_batch.hpp
/// I/Os that a channel gathers during a turn of the reactor and ends together in the next one. That is how a
/// device without hardware gets what hardware has: work in batches, where the memory of the next I/O is on
/// its way while the present one is done.
#pragma once

#include <bdevkit/io.hpp>
#include <bdevkit/poller.hpp>

#include <algorithm>
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
 *     void prepare(Io io);  called a few I/Os before work(): the place to prefetch
 *     void work(Io io);     does what the I/O asks for, without completing it
 *
 * The I/Os of a group are worked on one after the other, then completed with success: so the processor has
 * several copies under way at once, and nothing between them.
 *
 * Its poller is paused while nothing is queued, so that an idle host sleeps.
 */
template <class Worker>
class IoBatch {
public:
    /// [bdk thread] @param name  of the poller
    IoBatch(Worker& worker, const char* name)
        : worker_(worker), poller_(Poller::start<&IoBatch::finish_batch>(this, name)) {
        poller_.pause();
    }
    IoBatch(const IoBatch&) = delete;
    IoBatch& operator=(const IoBatch&) = delete;

    /// [channel's thread] Takes the I/O; work() gets it in the next turn.
    void add(Io io) {
        if (count_ == room_) [[unlikely]]
            make_room();
        queued_[count_++] = io.get();
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
    static constexpr size_t group = 32;
    /// I/Os between prepare() and work().
    static constexpr size_t lead = 4;

    /// While the poller is paused there is no room, so that add() has one thing to look at.
    [[gnu::noinline]] void make_room() {
        if (std::exchange(paused_, false)) poller_.resume();
        if (count_ == queued_.size()) queued_.resize(std::max(initial_capacity, 2 * count_));
        room_ = queued_.size();
    }

    void pause() {
        poller_.pause();
        room_ = 0;
    }

    bool finish_batch() {
        if (count_ == 0) {
            paused_ = ++idle_turns_ >= idle_turns_before_pause;
            if (paused_) pause();
            return false;
        }
        idle_turns_ = 0;
        const size_t count = std::exchange(count_, 0);  // what the callbacks submit waits for the next turn
        std::swap(queued_, batch_);
        room_ = queued_.size();
        for (size_t i = 0; i < std::min(count, lead); i++)
            prepare(i);
        for (size_t first = 0; first < count; first += group)
            finish_group(first, std::min(count, first + group), count);
        return true;
    }

    void prepare(size_t i) {
        if (batch_[i] != nullptr) worker_.prepare(Io(batch_[i]));
    }

    /// @param count  of the batch: what comes after the group is prepared before the group's callbacks run
    void finish_group(size_t first, size_t end, size_t count) {
        bdk_bdev_io** ios = batch_.data();
        for (size_t i = first; i < end; i++) {
            if (i + lead < count) prepare(i + lead);
            if (ios[i] != nullptr) worker_.work(Io(ios[i]));
        }
        for (size_t i = first; i < end; i++)
            if (bdk_bdev_io* io = std::exchange(ios[i], nullptr)) Io(io).complete();
    }

    Worker& worker_;
    size_t count_ = 0;                  ///< in queued_
    size_t room_ = 0;                   ///< of queued_; 0 while the poller is paused
    std::vector<bdk_bdev_io*> queued_;  ///< nullptr where there is none, or it was aborted
    std::vector<bdk_bdev_io*> batch_;   ///< being finished; nullptr where done
    Poller poller_;
    uint32_t idle_turns_ = 0;
    bool paused_ = true;
};

}  // namespace bdevkit

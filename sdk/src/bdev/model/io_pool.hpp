// SPDX-License-Identifier: BSD-3-Clause
// The bdev_ios of one thread. They are taken and given back last-in-first-out, so that the next one is in the
// cache. The memory comes in chunks. A chunk knows all its bdev_ios, so an abort finds its target without a
// list of I/Os in flight that every I/O would have to maintain.
#pragma once

#include <bdevkit/desc.h>
#include <bdevkit/memory.h>

#include <deque>
#include <memory>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/export.hpp"
#include "bdev/model/bdev_io.hpp"
#include "bdev/model/channel.hpp"
#include "thread/place.hpp"

namespace bdk {

/// A block of bdev_ios. A chunk may move from thread to thread, but its memory stays as long as the bdev
/// layer runs, so that a late access by a module is detected.
struct IoChunk {
    std::unique_ptr<BdevIo[]> ios;
    uint32_t count = 0;
    std::thread::id maker;  ///< the reactor that made it and uses the memory around it
};

struct BDK_INTERNAL IoPool {
    bdk_thread* thread = nullptr;
    Deferred* free_list = nullptr;
    uint64_t in_use = 0;
    bool is_short = false;  ///< a caller waits for a bdev_io, or the reserve is in use
    bool is_large = false;  ///< it has more than kept_chunks

    std::vector<IoChunk> chunks;
    Deferred* reserve = nullptr;          ///< free bdev_ios of reserve_chunks
    std::vector<IoChunk> reserve_chunks;  ///< beyond bdev_io_pool_size
    uint64_t kept_chunks = 1;             ///< the number of chunks to keep when no bdev_io is in use
    std::deque<bdk_bdev_io_wait_entry*> waiting;
    /// The bdev channels of the thread that are in service.
    std::unordered_map<const Bdev*, std::vector<BdevChannel*>> channels;
    std::unordered_map<const bdk_io_channel*, std::unique_ptr<SharedResource>> shared;  ///< by module channel
    bdk_poller* late_io = nullptr;       ///< looks for I/Os that do not complete
    uint64_t late_io_checked = 0;        ///< time of the last look, in ticks
    bdk_iobuf_channel* iobuf = nullptr;  ///< opened at the first use

    /// A bdev_io, or nullptr when the process has used up its bdev_io_pool_size.
    BdevIo* take() noexcept {
        if (free_list == nullptr && !grow()) return nullptr;
        return take_free();
    }

    /// A bdev_io from the free list, or nullptr.
    BdevIo* take_free() noexcept {
        if (free_list == nullptr) [[unlikely]]
            return nullptr;
        BdevIo* io = BdevIo::of(free_list);
        free_list = free_list->next;
        in_use++;
        io->generation++;
        return io;
    }

    /// A bdev_io beyond the limit, to continue an I/O that the core or a module holds. Without it, I/Os that
    /// together hold the whole pool would wait for one another. nullptr when there is no memory at all.
    BdevIo* take_from_reserve() noexcept;

    /// Like take(), and beyond the limit if need be. nullptr when there is no memory at all.
    BdevIo* take_or_reserve() noexcept {
        BdevIo* io = take();
        return io != nullptr ? io : take_from_reserve();
    }

    /// Like take(), for a submitter. A module that submits to its base continues an I/O that it holds, and
    /// may hold the whole pool that way, so it also gets a bdev_io beyond the limit.
    BdevIo* take_for(const BdevChannel* ch) noexcept {
        BdevIo* io = take();
        return io != nullptr ? io : take_beyond_limit(ch);
    }

    /// Gives the bdev_io back, and serves callers that wait for one.
    void give_back(BdevIo* io) noexcept {
        if (is_short) [[unlikely]]
            return give_back_short(io);
        io->state = IoState::free;
        io->deferred.next = free_list;
        free_list = &io->deferred;
        in_use--;
        if (in_use == 0 && is_large) [[unlikely]]
            shrink();
    }

    /// Returns the bdev_io to the list that it came from. Call given_back() afterwards.
    void put(BdevIo* io) noexcept {
        Deferred*& list = io->part.from_reserve ? reserve : free_list;
        io->state = IoState::free;
        io->deferred.next = list;
        list = &io->deferred;
        in_use--;
    }

    /// Serves callers that wait for a bdev_io.
    void given_back() noexcept {
        if (is_short) [[unlikely]]
            serve_waiting();
        if (in_use == 0 && (is_large || is_short)) [[unlikely]]
            shrink();
    }

    /// Calls the entry when a bdev_io is free. Throws std::bad_alloc.
    void wait(bdk_bdev_io_wait_entry* entry) {
        waiting.push_back(entry);
        is_short = true;
    }

    /// Calls fn(io) for every bdev_io that is not free.
    template <typename Fn>
    void for_each_used(Fn&& fn) {
        for (std::vector<IoChunk>* list : {&chunks, &reserve_chunks})
            for (IoChunk& chunk : *list)
                for (uint32_t i = 0; i < chunk.count; i++)
                    if (chunk.ios[i].state != IoState::free) fn(&chunk.ios[i]);
    }

private:
    bool grow() noexcept;
    BdevIo* take_beyond_limit(const BdevChannel* ch) noexcept;
    void shrink() noexcept;
    void link(const IoChunk& chunk) noexcept;
    void give_back_short(BdevIo* io) noexcept;
    void serve_waiting() noexcept;
};

[[gnu::cold]] void report_wrong_submitter(const BdevIo* io, AbiCall call);

/// [any thread] The check for functions marked [the submitter's thread]: see place.hpp.
inline bool on_submitters_thread(const BdevIo* io, AbiCall call) {
    if (io->pool->thread == current_thread()) [[likely]]
        return true;
    report_wrong_submitter(io, call);
    return false;
}

/// [app thread] Frees the chunks that belong to no thread, and sets the total number of bdev_ios to 0.
void io_pool_free_spares();

/// The io_device whose channels have IoPools as contexts. The bdev layer registers it.
BDK_INTERNAL void* io_pool_io_device();
int io_pool_create(void* io_device, void* ctx);
void io_pool_destroy(void* io_device, void* ctx);

}  // namespace bdk

// SPDX-License-Identifier: BSD-3-Clause
// The bdev_ios of one thread. Taken and given back last-in-first-out, so that the one used next is in the
// cache. The memory comes in chunks; chunks know every bdev_io, so that an abort finds its target without a
// list of I/Os in flight that each I/O would have to maintain.
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

/// bdev_ios side by side. A chunk moves from thread to thread, but its memory stays as long as the bdev layer
/// runs, so that a module that touches a bdev_io too late can be told.
struct IoChunk {
    std::unique_ptr<BdevIo[]> ios;
    uint32_t count = 0;
    std::thread::id maker;  ///< the reactor: what malloc has put beside it is in use there
};

struct BDK_INTERNAL IoPool {
    bdk_thread* thread = nullptr;
    Deferred* free_list = nullptr;
    uint64_t in_use = 0;
    bool is_short = false;  ///< somebody waits for a bdev_io, or the reserve is in use

    std::vector<IoChunk> chunks;
    Deferred* reserve = nullptr;          ///< free bdev_ios of reserve_chunks
    std::vector<IoChunk> reserve_chunks;  ///< beyond bdev_io_pool_size
    uint64_t kept_chunks = 1;             ///< that stay when no bdev_io is in use
    std::deque<bdk_bdev_io_wait_entry*> waiting;
    /// The bdev channels of the thread that are in service.
    std::unordered_map<const Bdev*, std::vector<BdevChannel*>> channels;
    std::unordered_map<const bdk_io_channel*, std::unique_ptr<SharedResource>> shared;  ///< by the module's
    bdk_poller* late_io = nullptr;       ///< looks for I/Os that do not complete
    uint64_t late_io_checked = 0;        ///< ticks
    bdk_iobuf_channel* iobuf = nullptr;  ///< opened at the first use

    /// A bdev_io, or nullptr when the process has used up its bdev_io_pool_size.
    BdevIo* take() noexcept {
        if (free_list == nullptr && !grow()) return nullptr;
        return take_free();
    }

    /// A bdev_io of those at hand, or nullptr.
    BdevIo* take_free() noexcept {
        if (free_list == nullptr) [[unlikely]]
            return nullptr;
        BdevIo* io = BdevIo::of(free_list);
        free_list = free_list->next;
        in_use++;
        io->generation++;
        return io;
    }

    /// A bdev_io beyond the limit, to go on with an I/O that the core or a module holds: those who hold all
    /// of the pool wait for one another otherwise. nullptr when there is no memory at all.
    BdevIo* take_from_reserve() noexcept;

    /// As take(), and beyond the limit if need be. nullptr when there is no memory at all.
    BdevIo* take_or_reserve() noexcept {
        BdevIo* io = take();
        return io != nullptr ? io : take_from_reserve();
    }

    /// As take(), for a submitter. A module that submits to its base goes on with an I/O that it holds, and
    /// with it perhaps all of the pool: it finds one beyond the limit too.
    BdevIo* take_for(const BdevChannel* ch) noexcept {
        BdevIo* io = take();
        return io != nullptr ? io : take_beyond_limit(ch);
    }

    /// Gives it back, and serves those who wait for one.
    void give_back(BdevIo* io) noexcept {
        if (is_short) [[unlikely]]
            return give_back_short(io);
        io->state = IoState::free;
        io->deferred.next = free_list;
        free_list = &io->deferred;
        in_use--;
        if (in_use == 0 && chunks.size() > kept_chunks) [[unlikely]]
            shrink();
    }

    /// Gives it back to the list that it is from. given_back() is due afterwards.
    void put(BdevIo* io) noexcept {
        Deferred*& list = io->part.from_reserve ? reserve : free_list;
        io->state = IoState::free;
        io->deferred.next = list;
        list = &io->deferred;
        in_use--;
    }

    /// Serves those who wait for a bdev_io.
    void given_back() noexcept {
        if (is_short) [[unlikely]]
            serve_waiting();
        if (in_use == 0 && (chunks.size() > kept_chunks || is_short)) [[unlikely]]
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

/// [any thread] For what the header marks [the submitter's thread]: see place.hpp.
inline bool on_submitters_thread(const BdevIo* io, AbiCall call) {
    if (io->pool->thread == current_thread()) [[likely]]
        return true;
    report_wrong_submitter(io, call);
    return false;
}

/// [app thread] Frees the chunks that no thread has. Their number is 0 afterwards.
void io_pool_free_spares();

/// The io_device whose channels' contexts are IoPools. Registered by the bdev layer.
BDK_INTERNAL void* io_pool_io_device();
int io_pool_create(void* io_device, void* ctx);
void io_pool_destroy(void* io_device, void* ctx);

}  // namespace bdk

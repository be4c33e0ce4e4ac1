// SPDX-License-Identifier: BSD-3-Clause
// The base that the kit gives to a virtual module: a RAM disk that records the I/O that reaches it, and can
// fail, delay, refuse channels, grow and vanish.
#pragma once

#include <atomic>
#include <bdevkit/bdev.hpp>
#include <bdevkit/poller.hpp>
#include <cstddef>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "check/growing_memory.hpp"

namespace bdevkit::host {

/// Its settings may be changed from any thread unless stated otherwise.
class CheckingBdev : public bdevkit::Bdev<CheckingBdev> {
    using Error = bdevkit::Error;
    using Io = bdevkit::Io;
    using IoStatus = bdevkit::IoStatus;
    using IoType = bdevkit::IoType;

public:
    static constexpr const char* product_name = "Checking bdev";
    static constexpr uint64_t io_types =
        bdevkit::io_types(IoType::read, IoType::write, IoType::unmap, IoType::flush, IoType::reset,
                          IoType::write_zeroes, IoType::abort);

    struct Channel {
        explicit Channel(CheckingBdev& disk);
        ~Channel();
        Channel(const Channel&) = delete;
        Channel& operator=(const Channel&) = delete;

        /// For the poller.
        bool complete_late();

        CheckingBdev& disk;
        std::vector<Io> held;
        std::vector<Io> late;  ///< complete in the next turn
        uint64_t count = 0;
        bdevkit::Poller poller;
    };

    /// @param takes_fua the base handles FUA itself; otherwise the core adds a flush
    CheckingBdev(const char* name, uint64_t bytes, uint32_t block_size, bool takes_fua = false);
    ~CheckingBdev();

    static const bdk_module* module() noexcept;

    /// [app thread] The base of that name, or nullptr once it is gone.
    static CheckingBdev* find(const std::string& name);

    // Settings for its handling of I/O.
    std::atomic<bool> hold{false};         ///< holds I/O until release()
    std::atomic<bool> fail{false};         ///< fails I/O
    std::atomic<bool> no_channel{false};   ///< refuses channels
    std::atomic<uint32_t> nomem_every{0};  ///< every n-th I/O is answered with NOMEM; 0: none

    // Records of the I/O that has reached it.
    std::atomic<uint64_t> reads{0};
    std::atomic<uint64_t> changes{0};            ///< I/Os that change data
    std::atomic<uint64_t> unclaimed_changes{0};  ///< of these, those that came while the base was not claimed
    std::atomic<uint64_t> submitted{0};
    std::atomic<uint64_t> flushes{0};
    std::atomic<uint64_t> at_risk{
        0};  ///< changes that a power failure would undo: neither flushed nor written with FUA
    std::atomic<int64_t> channels{0};

    /// [app thread] Completes held I/O on every thread, then calls done().
    void release(std::function<void()> done);
    /// [app thread] Grows.
    void grow(uint64_t num_blocks);
    /// [app thread] Fills it with a pattern.
    void fill(uint64_t seed);
    /// [app thread, no I/O in flight] A copy of its bytes.
    std::vector<std::byte> content() const;
    /// [app thread]
    void write_at(uint64_t offset, std::span<const std::byte> bytes);

    /// [app thread] The number of open descs; whether the base is claimed.
    size_t descs() const;
    bool is_claimed() const;
    bool is_open_for_writing() const;
    bdk_bdev* handle() { return &bdev(); }

    void submit(Channel& ch, Io io);

private:
    void start(Channel& ch, Io io);
    void serve(Channel& ch, Io io);
    void transfer(Channel& ch, Io io);
    void note_durability(Io io);
    static void abort(Channel& ch, Io io);
    void reset(Channel& ch, Io io);
    static void complete_all(Channel& ch, std::vector<Io>& list);

    mutable std::mutex mutex_;  ///< of data_
    GrowingMemory data_;
};

}  // namespace bdevkit::host

// SPDX-License-Identifier: BSD-3-Clause
// The base that the kit gives to a virtual module: a RAM disk that records what reaches it, and can fail,
// delay, give no channel, grow and vanish.
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

/// Its knobs may be turned from any thread unless said otherwise.
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

        /// The poller's.
        bool complete_late();

        CheckingBdev& disk;
        std::vector<Io> held;
        std::vector<Io> late;  ///< complete in the next turn
        uint64_t count = 0;
        bdevkit::Poller poller;
    };

    /// @param takes_fua  writes with FUA are durable by themselves; else the core adds a flush
    CheckingBdev(const char* name, uint64_t bytes, uint32_t block_size, bool takes_fua = false);
    ~CheckingBdev();

    static const bdk_module* module() noexcept;

    /// [app thread] The one of that name, or nullptr once it is gone.
    static CheckingBdev* find(const std::string& name);

    // What it does with I/O.
    std::atomic<bool> hold{false};         ///< keeps it until release()
    std::atomic<bool> fail{false};         ///< fails it
    std::atomic<bool> no_channel{false};   ///< gives no channel
    std::atomic<uint32_t> nomem_every{0};  ///< every n-th is answered with NOMEM; 0: none

    // What has reached it.
    std::atomic<uint64_t> reads{0};
    std::atomic<uint64_t> changes{0};            ///< I/Os that change data
    std::atomic<uint64_t> unclaimed_changes{0};  ///< of these, those that came while nobody had claimed it
    std::atomic<uint64_t> submitted{0};
    std::atomic<uint64_t> flushes{0};
    std::atomic<uint64_t> at_risk{
        0};  ///< changes that are lost when the power fails: neither flushed nor with FUA
    std::atomic<int64_t> channels{0};

    /// [app thread] Completes what is held, on every thread; then done().
    void release(std::function<void()> done);
    /// [app thread] Grows.
    void grow(uint64_t num_blocks);
    /// [app thread] Fills it with a pattern.
    void fill(uint64_t seed);
    /// [app thread, no I/O in flight] A copy of its bytes.
    std::vector<std::byte> content() const;
    /// [app thread]
    void write_at(uint64_t offset, std::span<const std::byte> bytes);

    /// [app thread] Descs that are open; whether it is claimed.
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

// SPDX-License-Identifier: BSD-3-Clause
// One open desc under load, on one bdk thread.
#pragma once

#include <bdevkit/desc.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "soak/soak_random.hpp"
#include "soak/tower.hpp"

namespace bdk::test {

/// The counters of one thread.
struct SoakCounts {
    uint64_t submitted = 0;  ///< calls that returned 0
    uint64_t completed = 0;  ///< callbacks
    uint64_t succeeded = 0;
    uint64_t refused = 0;  ///< calls that returned an errno
    uint64_t opened = 0;
    uint64_t removals_seen = 0;  ///< BDK_BDEV_EVENT_REMOVE
};

/// Everything here: [its thread]. Deleted once gone() is true.
class SoakSession {
public:
    /// nullptr when there is no such bdev, or it may not be opened.
    static std::unique_ptr<SoakSession> open(Tower& tower, const std::string& bdev, SoakRandom& random,
                                             SoakCounts& counts);
    ~SoakSession();
    SoakSession(const SoakSession&) = delete;
    SoakSession& operator=(const SoakSession&) = delete;

    /// Submits an I/O of any kind, unless too many are in flight.
    void submit();
    /// Quiesces a range or reads the counters: an operation that holds the desc for a while.
    void observe();
    /// Closes the desc, as soon as nothing holds it.
    void close();
    /// Continues postponed work: call it in every turn.
    void look();

    bool is_open() const { return desc_ != nullptr; }
    bool is_removed() const { return removed_; }
    bool writes(const Tower& tower) const { return write_ && tower_ == &tower; }
    uint32_t in_flight() const { return in_flight_; }
    bool gone() const { return desc_ == nullptr && channel_ == nullptr && in_flight_ == 0; }

private:
    static constexpr uint32_t depth = 16;
    static constexpr uint64_t max_blocks = 24;
    static constexpr size_t max_pieces = 4;

    /// An I/O of ours, in flight or not.
    struct Slot {
        SoakSession* session = nullptr;
        bool in_flight = false;
        std::vector<std::byte> memory;
        std::array<iovec, max_pieces> iovs{};
        int32_t pieces = 0;
    };
    struct Range {
        uint64_t offset, blocks;
    };

    SoakSession(Tower& tower, SoakRandom& random, SoakCounts& counts);

    static void on_event(uint32_t type, bdk_bdev* bdev, void* ctx);
    static void completed(bdk_bdev_io* io, bool success, void* arg);
    static void quiesced(int rc, void* ctx);
    static void unquiesced(int rc, void* ctx);

    Slot* free_slot();
    Range any_range();
    void fill(Slot& slot, uint64_t bytes);
    int start(Slot& slot);
    int start_data(Slot& slot, Range range);
    int start_abort(Slot& slot);
    void count(Slot& slot, int rc);
    void put_channel();
    void close_now();

    Tower* tower_;
    SoakRandom& random_;
    SoakCounts& counts_;
    bdk_thread* thread_;
    bdk_bdev_desc* desc_ = nullptr;
    bdk_bdev_desc* closed_desc_ = nullptr;  ///< valid as long as channel_
    bdk_io_channel* channel_ = nullptr;
    std::array<Slot, depth> slots_;
    uint32_t in_flight_ = 0;
    uint32_t holds_ = 0;  ///< operations that need the desc open
    bool write_ = false;
    bool removed_ = false;
    bool closing_ = false;
    Range quiesced_{};
    bdk_bdev_io_stat stat_{};
};

}  // namespace bdk::test

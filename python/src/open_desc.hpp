// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <bdevkit/desc.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "io_thread.hpp"

namespace bdevkit::python {

/// An event of a desc.
struct Event {
    uint32_t type;  ///< BDK_BDEV_EVENT_*
    uint64_t num_blocks;
};

/// A queue of events for a thread that waits for them. The descs of a host share it.
class EventQueue {
public:
    struct Entry {
        uint64_t desc;
        Event event;
    };

    void push(Entry entry);
    void close();
    /// [any thread] Waits up to `ms` for an event. @return false when there is none; `closed` tells whether
    /// more may come
    bool pop(Entry& entry, uint32_t ms, bool& closed);

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Entry> entries_;
    bool closed_ = false;
};

/// An open desc with its channel, both owned by the IoThread. It closes itself when its bdev is removed.
class OpenDesc : public std::enable_shared_from_this<OpenDesc> {
public:
    /// [not a bdk thread] Opens the bdev. @return 0 or a negative errno
    static int open(const std::shared_ptr<IoThread>& thread, const std::shared_ptr<EventQueue>& events,
                    const std::string& bdev, bool write, bool hide_metadata,
                    std::shared_ptr<OpenDesc>& result);

    /// [on the thread] Wraps a desc that a module has opened on this thread, and gets a channel for it. The
    /// module closes the desc after close_here(). Throws std::runtime_error when there is no channel.
    static std::shared_ptr<OpenDesc> adopt(const std::shared_ptr<IoThread>& thread, bdk_bdev_desc* desc);

    /// [any thread] Closes it, once I/O in flight has ended; returns at once. Nobody can give up this I/O any
    /// more, so other writes of its blocks wait for it from now on.
    void close();

    /// [on the thread] Like close(), on the desc's own thread.
    void close_here();

    /// [on the thread] Aborts the I/O in flight, if the bdev supports that.
    void abort_here();

    /// [on the thread] Nobody waits any more for the I/O whose cb_arg lies in [first, end): it is aborted
    /// where it can be, and I/O that begins later never comes before what is left of it.
    void abandon_here(const void* first, const void* end);

    /// [on the thread] Whether I/O has to wait for an abandon_here() of its bdev: then go_on(arg) will be
    /// called.
    bool holds_back(bdk_msg_fn go_on, void* arg);

    /// [any thread]
    bool is_open() const { return open_.load(std::memory_order_relaxed); }
    bool was_removed() const { return removed_.load(std::memory_order_relaxed); }
    const std::string& bdev() const { return bdev_; }
    uint64_t id() const { return id_; }
    bool writable() const { return write_; }
    uint32_t block_size() const { return block_size_; }
    uint32_t md_size() const { return md_size_; }
    uint64_t zone_size() const { return zone_size_; }
    uint64_t num_blocks() const { return num_blocks_.load(std::memory_order_relaxed); }
    IoThread& thread() const { return *thread_; }

    /// [on the thread] nullptr once closed.
    bdk_bdev_desc* desc() const { return desc_; }
    bdk_io_channel* channel() const { return channel_; }

    /// How long a caller spins for an I/O before it sleeps, in nanoseconds. Short if spinning was not
    /// worthwhile before.
    std::atomic<uint32_t> patience_ns{20'000};

private:
    OpenDesc(std::shared_ptr<IoThread> thread, std::shared_ptr<EventQueue> events, std::string bdev,
             bool write);
    int open_here(bool hide_metadata);
    bool take_channel();
    void on_event(uint32_t type, const bdk_bdev* bdev);
    void abandon(uint32_t flags, const void* first, const void* end);

    const std::shared_ptr<IoThread> thread_;
    const std::shared_ptr<EventQueue> events_;
    const std::string bdev_;
    const bool write_;
    bool adopted_ = false;
    const uint64_t id_;
    bdk_bdev_desc* desc_ = nullptr;
    bdk_io_channel* channel_ = nullptr;
    uint32_t block_size_ = 0;
    uint32_t md_size_ = 0;
    uint64_t zone_size_ = 0;  ///< blocks
    std::atomic<uint64_t> num_blocks_{0};
    std::atomic<bool> open_{false};
    std::atomic<bool> removed_{false};
};

}  // namespace bdevkit::python

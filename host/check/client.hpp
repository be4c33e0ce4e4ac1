// SPDX-License-Identifier: BSD-3-Clause
// A user of the bdev under check: an open desc and its channel on one bdk_thread.
#pragma once

#include <bdevkit/desc.h>

#include <functional>
#include <string>
#include <vector>

#include "check/stage.hpp"

namespace bdevkit::host {

/// The result of an I/O.
struct CheckResult {
    int rc = 0;          ///< result of the submission; the other fields are valid when it is 0
    int32_t status = 0;  ///< BDK_BDEV_IO_STATUS_*
    uint64_t seek_offset = 0;
    uint64_t append_location = 0;

    bool ok() const { return rc == 0 && status == BDK_BDEV_IO_STATUS_SUCCESS; }
    /// "-ENOTSUP (...)" or "status failed".
    std::string text() const;
};

/// [main thread] unless said otherwise.
class CheckClient {
public:
    /// [client's thread] Submits one I/O. @return the result of the ABI function
    using Submit = std::function<int(bdk_bdev_desc*, bdk_io_channel*, bdk_bdev_io_completion_cb, void*)>;

    /// Opens the bdev, with its metadata hidden. Throws Broken. @param thread  nullptr: the app thread
    CheckClient(Stage& stage, std::string bdev, bdk_thread* thread = nullptr);
    /// Closes the desc, after waiting for I/O in flight.
    ~CheckClient();
    CheckClient(const CheckClient&) = delete;
    CheckClient& operator=(const CheckClient&) = delete;

    /// Submits an I/O and waits for it. If it does not complete, that breaks io.completes. @param what "read
    /// of 1 blocks at 0"
    CheckResult run(const std::string& what, Submit submit);
    /// [client's thread] Submits an I/O; done() runs on this thread, immediately if the I/O is refused.
    void submit_here(const Submit& submit, std::function<void(const CheckResult&)> done);
    /// Waits until none is in flight.
    void wait_idle();
    /// Puts the channel and closes the desc.
    void close();
    /// [client's thread] Like close(), to call when no I/O is in flight.
    void close_when_idle();

    /// [client's thread] Sets the function to call when the bdev is being removed.
    void on_remove(std::function<void()> fn) { on_remove_ = std::move(fn); }
    /// [client's thread] The number of events of that type received so far.
    uint64_t events(uint32_t type) const { return events_[type % 8]; }

    Stage& stage() { return stage_; }
    bdk_thread* thread() { return thread_; }
    const std::string& name() const { return name_; }
    bdk_bdev* bdev() const { return bdev_; }
    bdk_bdev_desc* desc() const { return desc_; }
    bdk_io_channel* channel() const { return channel_; }
    uint32_t block_size() const { return block_size_; }
    uint64_t num_blocks() const { return bdk_bdev_get_num_blocks(bdev_); }
    bool supports(uint32_t type) const { return bdk_bdev_io_type_supported(bdev_, type); }
    bool is_writable() const { return supports(BDK_BDEV_IO_TYPE_WRITE); }
    /// The alignment and granularity of writes, in blocks.
    uint64_t unit() const;

private:
    struct Flight;
    static void on_event(uint32_t type, bdk_bdev* bdev, void* ctx);
    static void completed(bdk_bdev_io* io, bool success, void* arg);
    void close_if_idle();

    Stage& stage_;
    const std::string name_;
    bdk_thread* const thread_;
    bdk_bdev_desc* desc_ = nullptr;
    bdk_io_channel* channel_ = nullptr;
    bdk_bdev* bdev_ = nullptr;
    uint32_t block_size_ = 0;
    uint64_t in_flight_ = 0;  ///< belongs to the client's thread, like the members below
    bool closing_ = false;
    uint64_t events_[8] = {};
    std::function<void()> on_remove_;
};

}  // namespace bdevkit::host

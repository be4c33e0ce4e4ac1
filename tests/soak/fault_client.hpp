// SPDX-License-Identifier: BSD-3-Clause
// A client of a bdev for fault tests: on a bdk thread it takes no memory of its own, so that each allocation
// there is the library's.
#pragma once

#include <bdevkit/desc.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "support/await.hpp"

namespace bdk::test {

/// Everything here: [not a bdk thread], unless it says otherwise. Each call returns when it has an effect or
/// an error; on a client that could not be opened all do nothing.
class FaultClient {
public:
    FaultClient(const std::string& bdev, bdk_thread* thread, bool write = true, bool hide_md = false);
    /// Closes it, once nothing is in flight.
    ~FaultClient();
    FaultClient(const FaultClient&) = delete;
    FaultClient& operator=(const FaultClient&) = delete;

    /// [client's thread] Submits an I/O; the result of the ABI function.
    using Submit = std::function<int(bdk_bdev_desc*, bdk_io_channel*, bdk_bdev_io_completion_cb, void*)>;

    bool is_open() const { return channel_ != nullptr; }
    bdk_bdev* bdev() const { return bdk_bdev_desc_get_bdev(desc_); }
    bdk_bdev_desc* desc() const { return desc_; }
    bdk_thread* thread() const { return thread_; }

    /// Submits without waiting; see wait(). @param token  for an abort
    void start(const Submit& submit, void** token = nullptr);
    /// [client's thread] As start(), for a client that is open.
    void start_here(const Submit& submit, void** token = nullptr);
    /// Returns when all that were started have completed.
    void wait();
    void run(const Submit& submit) {
        start(submit);
        wait();
    }
    /// Runs fn on the client's thread, if the client is open.
    void call(const std::function<void()>& fn);

    /// I/Os of all clients so far that ended in success.
    static uint64_t successes() { return successes_; }

private:
    struct Slot {
        FaultClient* client = nullptr;
        bool in_flight = false;
    };

    static void on_event(uint32_t type, bdk_bdev* bdev, void* ctx);
    static void on_completed(bdk_bdev_io* io, bool success, void* arg);
    void close_here();

    bdk_thread* thread_;
    bdk_bdev_desc* desc_ = nullptr;
    bdk_io_channel* channel_ = nullptr;
    std::array<Slot, 64> slots_;
    uint64_t accepted_ = 0;
    uint64_t completed_ = 0;
    static inline std::atomic<uint64_t> successes_{0};
    bool twice_ = false;  ///< an I/O completed that was not in flight
};

/// Waits until pred() holds on `thread`; ends the program with a message when it does not come to.
void wait_until(bdk_thread* thread, const char* what, const std::function<bool()>& pred);

}  // namespace bdk::test

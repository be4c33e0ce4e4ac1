// SPDX-License-Identifier: BSD-3-Clause
// A client of a bdev for tests: opens it on a bdk_thread, and waits for each I/O on the test's main thread.
#pragma once

#include <bdevkit/desc.h>

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "support/await.hpp"

namespace bdk::test {

enum class Access { read, write };

/// Whether a client sees the bdev's metadata.
enum class Metadata { shown, hidden };

/// How an I/O went.
struct IoResult {
    int rc = 0;          ///< of the submission; the rest counts when it is 0
    int32_t status = 0;  ///< BDK_BDEV_IO_STATUS_*
    int32_t aio_errno = 0;
    uint32_t nvme_sct = 0;
    uint32_t nvme_sc = 0;
    std::vector<std::byte> data;  ///< of a read

    bool ok() const { return rc == 0 && status == BDK_BDEV_IO_STATUS_SUCCESS; }
};

/// Bytes that depend on `seed` and on their place, so that misplaced data are seen.
std::vector<std::byte> pattern(size_t length, uint64_t seed = 1);

/// [not a bdk thread] An open desc and its channel on one thread.
class Client {
public:
    using Data = std::vector<std::byte>;
    /// Submits one I/O on the client's thread. @return the result of the ABI function
    using Submit = std::function<int(bdk_bdev_desc*, bdk_io_channel*, bdk_bdev_io_completion_cb, void*)>;

    /// Throws when the bdev cannot be opened. `thread`: nullptr for the app thread.
    Client(const std::string& bdev, Access access, bdk_thread* thread = nullptr,
           Metadata metadata = Metadata::shown);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// @return what opening the bdev gives: 0 or a negative errno; it is closed again.
    static int try_open(const std::string& bdev, Access access);

    /// Called on the client's thread when the bdev is being removed; by default closes the desc.
    void on_remove(std::function<void(Client&)> fn) { on_remove_ = std::move(fn); }
    /// Waits until the event has come.
    void wait_for_event(uint32_t type);
    size_t events(uint32_t type);
    /// Closes, and returns when the last I/O in flight has ended.
    void close();
    /// [client's thread] Closes the desc now, and puts the channel when the last I/O in flight has ended.
    void close_here();

    /// Submits without waiting. `token` is what abort() takes.
    Awaited<IoResult> start(Submit submit, void** token = nullptr);
    /// [client's thread] Submits; `done` runs on this thread, at once when the I/O is refused.
    void submit_here(const Submit& submit, std::function<void(IoResult)> done);
    IoResult run(Submit submit) { return start(std::move(submit)).get(); }

    IoResult write(uint64_t offset_blocks, const Data& data);
    Data read(uint64_t offset_blocks, uint64_t num_blocks);
    IoResult try_read(uint64_t offset_blocks, uint64_t num_blocks);
    /// A read that leaves the buffer to the host.
    IoResult read_without_buffer(uint64_t offset_blocks, uint64_t num_blocks);
    IoResult compare(uint64_t offset_blocks, const Data& data);
    IoResult flush(uint64_t offset_blocks, uint64_t num_blocks);
    IoResult unmap(uint64_t offset_blocks, uint64_t num_blocks);
    IoResult write_zeroes(uint64_t offset_blocks, uint64_t num_blocks);
    IoResult copy(uint64_t to_blocks, uint64_t from_blocks, uint64_t num_blocks);
    IoResult reset();
    IoResult abort(void* token);

    bool supports(uint32_t type) { return bdk_bdev_io_type_supported(bdev(), type); }
    uint64_t num_blocks() { return bdk_bdev_get_num_blocks(bdev()); }
    uint32_t block_size() { return bdk_bdev_desc_get_block_size(desc_); }
    bdk_bdev* bdev() { return bdk_bdev_desc_get_bdev(desc_); }
    bdk_thread* thread() { return thread_; }
    bdk_bdev_desc* desc() { return desc_; }
    bdk_io_channel* channel() { return channel_; }

private:
    struct Flight;

    static void on_event(uint32_t type, bdk_bdev* bdev, void* ctx);
    static void completed(bdk_bdev_io* io, bool success, void* arg);
    void submit(const Submit& submit, std::unique_ptr<Flight> flight);
    void put_channel_when_idle();

    bdk_thread* thread_;
    bdk_bdev_desc* desc_ = nullptr;
    bdk_io_channel* channel_ = nullptr;
    size_t in_flight_ = 0;  ///< counted on the client's thread
    Awaited<bool> channel_gone_;
    bool closed_ = false;
    std::function<void(Client&)> on_remove_ = [](Client& client) { client.close_here(); };
    std::mutex mutex_;
    std::condition_variable event_came_;
    std::vector<uint32_t> events_;
};

}  // namespace bdk::test

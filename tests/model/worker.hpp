// SPDX-License-Identifier: BSD-3-Clause
// One bdk_thread that does random operations on the bdev under test.
#pragma once

#include <bdevkit/desc.h>
#include <bdevkit/poller.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "model/block_model.hpp"
#include "model/operation.hpp"
#include "model/random.hpp"

namespace bdk::test {

/// The state that all workers of a run share.
struct Run {
    std::string top;
    std::string beside;  ///< a bdev with the same blocks, to read from; may be empty
    bool hides_metadata = false;
    uint32_t write_unit = 1;
    BlockModel* model = nullptr;
    std::atomic<bool> stopping{false};
    std::atomic<uint64_t> operations{0};

    /// [any thread] Something is not as it should be; the first is kept and the run ends.
    void fail(const std::string& what);
    std::string failure() const;

private:
    mutable std::mutex mutex_;
    std::string failure_;
};

class Worker {
public:
    Worker(Run& run, bdk_thread* thread, uint32_t number, uint32_t depth, uint64_t seed);

    /// [worker's thread]
    void open();
    /// [worker's thread] True once no operation is in flight and everything is closed.
    bool close_if_idle();
    /// [not a bdk thread] Waits for its end: no new operation is started once run.stopping.
    bool is_idle();
    std::string describe();
    bdk_thread* thread() { return thread_; }

    // For operations only.
    Run& run() { return run_; }
    Random& random() { return random_; }
    BlockModel& model() { return *run_.model; }
    Stamp new_stamps(uint64_t count);
    Operation* any_operation() { return operations_[random_.below(operations_.size())].get(); }
    bool supports(uint32_t type) const { return (types_ & BDK_BDEV_IO_TYPE_BIT(type)) != 0; }
    std::vector<std::byte>& scratch(size_t bytes);
    bdk_bdev* bdev() { return bdk_bdev_desc_get_bdev(desc_); }
    bdk_bdev_desc* desc(bool beside) { return beside ? side_desc_ : desc_; }
    bdk_io_channel* channel(bool beside) { return beside ? side_channel_ : channel_; }
    bool has_beside() const { return side_desc_ != nullptr; }
    uint32_t block_size() const { return block_size_; }
    uint64_t max_bytes() const { return max_bytes_; }

private:
    bool poll();
    void open_one(const std::string& name, bool write, bdk_bdev_desc** desc, bdk_io_channel** channel);

    Run& run_;
    bdk_thread* thread_;
    Random random_;
    Stamp next_stamp_;
    std::vector<std::unique_ptr<Operation>> operations_;
    bdk_bdev_desc *desc_ = nullptr, *side_desc_ = nullptr;
    bdk_io_channel *channel_ = nullptr, *side_channel_ = nullptr;
    bdevkit::Poller poller_;
    uint64_t types_ = 0;
    uint32_t block_size_ = 0;
    uint64_t max_bytes_ = 0;
    std::vector<std::byte> scratch_;
};

}  // namespace bdk::test

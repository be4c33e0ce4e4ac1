// SPDX-License-Identifier: BSD-3-Clause
// One operation on the bdev under test at a time, from its choice to the check of its result.
#pragma once

#include <bdevkit/desc.h>

#include <string>
#include <vector>

#include "model/block_model.hpp"
#include "model/random.hpp"
#include "model/scattered_buffer.hpp"

namespace bdk::test {

class Worker;

enum class Kind {
    read,
    read_host_buffer,
    write,
    write_zeroes,
    unmap,
    copy,
    compare,
    compare_and_write,
    zcopy,
    flush,
    reset,
    abort_one,
    abort_all
};
const char* name_of(Kind kind);

/// A place for an operation in a worker's queue.
class Operation {
public:
    explicit Operation(Worker& worker) : worker_(worker) {}

    bool is_idle() const { return !busy_; }
    /// [worker's thread] Chooses an operation and submits it. Stays idle when the blocks it would like are in
    /// use.
    void start();
    std::string describe() const;

private:
    bool choose();
    bool choose_range();
    bool claim();
    void prepare();
    void submit();
    int try_submit();
    static void completed(bdk_bdev_io* io, bool success, void* arg);
    void ended(bdk_bdev_io* io);
    bool go_on_with_zcopy(bdk_bdev_io* io);
    void settle(int32_t status, const bdk_bdev_io* io);
    void settle_success(const bdk_bdev_io* io);
    void check_buffer(const iovec* iovs, int32_t count);
    void release();
    bool changes() const;
    bool is_control() const { return kind_ >= Kind::flush; }
    void put_blocks(ScatteredBuffer& into, bool is_new);

    Worker& worker_;
    Kind kind_ = Kind::read;
    BlockRange range_{}, source_{};
    Stamp stamp_ = 0;  ///< of the first block that is written; the next ones follow
    ScatteredBuffer data_, fused_;
    bool busy_ = false, claimed_ = false;
    bool on_side_ = false;      ///< reads through the bdev beside
    bool mismatch_ = false;     ///< the compare has to fail
    bool simple_call_ = false;  ///< one buffer, without iovecs
    bool commits_ = false, zcopy_ending_ = false;
    uint32_t flags_ = 0;
    Operation* target_ = nullptr;
    bdk_bdev_io_wait_entry wait_{};
};

}  // namespace bdk::test

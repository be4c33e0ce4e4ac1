// SPDX-License-Identifier: BSD-3-Clause
// A module of the test program: a disk in memory with one submission that fails on request.
#pragma once

#include <bdevkit/bdevkit.hpp>
#include <bdevkit/io_batch.hpp>

#include <functional>
#include <vector>

namespace bdk::test {

/// The way in which a submission goes wrong.
enum class SubmitFault { none, nomem, failed, throws };

/// Everything that it does is done in the next turn. [app thread], as far as it has state.
class FaultDisk : public bdevkit::Bdev<FaultDisk> {
public:
    using Io = bdevkit::Io;
    using IoType = bdevkit::IoType;

    /// Sets the fields of bdevs made from now on, io_type_supported included.
    static inline std::function<void(bdk_bdev&)> shape;
    /// The `number`-th I/O of a disk, counted from 1, goes wrong; 0: none.
    static void fail_submission(SubmitFault how, uint64_t number);
    static bool has_struck() { return left_ == 0; }

    /// Too large for a bdev_io, so that it is allocated.
    struct IoContext {
        std::byte bytes[1024];
    };

    class Channel {
    public:
        explicit Channel(FaultDisk& disk) : batch_(disk, disk.name()) {}
        bdevkit::IoBatch<FaultDisk>& batch() { return batch_; }

    private:
        bdevkit::IoBatch<FaultDisk> batch_;
    };

    explicit FaultDisk(const char* name);

    static const bdk_module* module() noexcept;

    void submit(Channel& ch, Io io);
    void prepare(Io) const noexcept {}
    void work(Io io);

private:
    void have_buffer(Channel& ch, Io io) { ch.batch().add(io); }

    static inline SubmitFault how_ = SubmitFault::none;
    static inline uint64_t left_ = 0;
    std::vector<std::byte> data_;
    std::vector<std::byte> md_;
};

extern const bdk_module fault_disk_module;

}  // namespace bdk::test

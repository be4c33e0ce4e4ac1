// SPDX-License-Identifier: BSD-3-Clause
// What a thread knows of the file that it uses.
#pragma once

#include "channel.hpp"
#include "file.hpp"

/// The channel of a bdev on a file. `Owner` is as UringChannel has it.
template <class Owner>
class FileChannel : public UringChannel<Owner> {
public:
    /// @param fd  the file's; it lives while this is made
    FileChannel(Owner& owner, const File& file, const int& fd, const Ring::Options& options)
        : UringChannel<Owner>(owner, {&fd, 1}, options), file_(file) {}

    /// Whether the file is as long as that: the kernel would make a shorter one longer. What goes to the
    /// kernel together needs one look at the file. A device says so by itself.
    bool reaches(uint64_t end) noexcept {
        if (file_.is_device() || (looked_in_ == this->turns() && end <= seen_end_)) [[likely]]
            return true;
        looked_in_ = this->turns();
        seen_end_ = file_.end();
        return end <= seen_end_;
    }

    /// Through the page cache the kernel copies the data while it takes an operation or delivers it, and the
    /// reactor waits for that. It does so for a few MiB in flight. The rest is copied by the kernel's
    /// workers: many large I/Os would hold the reactor for seconds.
    /// @return the bytes that the reactor will wait for
    uint32_t begin_copy(io_uring_sqe* sqe, uint32_t bytes) noexcept {
        if (file_.is_direct()) return 0;
        if (copied_by_reactor_ + bytes > most_copied_by_reactor) {
            sqe->flags |= IOSQE_ASYNC;
            return 0;
        }
        copied_by_reactor_ += bytes;
        return bytes;
    }
    /// The operation has ended. @param bytes  what begin_copy() has returned
    void end_copy(uint32_t bytes) noexcept { copied_by_reactor_ -= bytes; }

private:
    /// They take a millisecond or two.
    static constexpr uint64_t most_copied_by_reactor = 4 << 20;

    const File& file_;
    uint64_t copied_by_reactor_ = 0;
    uint64_t seen_end_ = 0;
    uint32_t looked_in_ = UINT32_MAX;
};

// SPDX-License-Identifier: BSD-3-Clause
// A thread's state for the file that it uses.
#pragma once

#include "channel.hpp"
#include "file.hpp"

/// The channel of a bdev on a file. For `Owner` see UringChannel.
template <class Owner>
class FileChannel : public UringChannel<Owner> {
public:
    /// @param fd descriptor of the file, open during construction
    FileChannel(Owner& owner, const File& file, const int& fd, const Ring::Options& options)
        : UringChannel<Owner>(owner, {&fd, 1}, options), file_(file) {}

    /// Whether the file is at least this long. The kernel would extend a shorter file. One check is enough
    /// for all operations that are submitted together. A device reports the error itself.
    bool reaches(uint64_t end) noexcept {
        if (file_.is_device() || (looked_in_ == this->turns() && end <= seen_end_)) [[likely]]
            return true;
        looked_in_ = this->turns();
        seen_end_ = file_.end();
        return end <= seen_end_;
    }

    /// With the page cache the kernel copies the data during submission or completion, and the reactor waits
    /// for the copy. That is done for a few MiB in flight. The kernel's workers copy the rest, because many
    /// large I/Os would hold the reactor for seconds. @return the bytes that the reactor will copy
    uint32_t begin_copy(io_uring_sqe* sqe, uint32_t bytes) noexcept {
        if (file_.is_direct()) return 0;
        if (copied_by_reactor_ + bytes > most_copied_by_reactor) {
            sqe->flags |= IOSQE_ASYNC;
            return 0;
        }
        copied_by_reactor_ += bytes;
        return bytes;
    }
    /// The operation has ended. @param bytes the result of begin_copy()
    void end_copy(uint32_t bytes) noexcept { copied_by_reactor_ -= bytes; }

private:
    /// These bytes take a millisecond or two.
    static constexpr uint64_t most_copied_by_reactor = 4 << 20;

    const File& file_;
    uint64_t copied_by_reactor_ = 0;
    uint64_t seen_end_ = 0;
    uint32_t looked_in_ = UINT32_MAX;
};

// SPDX-License-Identifier: BSD-3-Clause
// The bytes of a malloc disk.
#pragma once

#include <bdevkit/memory.h>
#include <sys/mman.h>
#include <unistd.h>
#include <bdevkit/error.hpp>
#include <bdevkit/io.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

/// Memory that reads as zero and occupies no space until it is written. Any thread may use it.
class Memory {
public:
    /// Throws Error when the machine does not have enough memory.
    explicit Memory(uint64_t bytes)
        : start_(static_cast<std::byte*>(bdk_dma_zmalloc(bytes, page_size, BDK_NUMA_ANY)), bdk_dma_free) {
        if (start_ == nullptr)
            throw bdevkit::Error(ENOMEM,
                                 bdevkit::format("no memory for a disk of %llu bytes: make it smaller",
                                                 static_cast<unsigned long long>(bytes)));
        if (is_reachable_by_devices() || uint64_t(sysconf(_SC_PAGESIZE)) != page_size)
            gives_back_ = GivesBack::no;
    }

    std::byte* at(uint64_t offset) const noexcept { return start_.get() + offset; }

    /// Zeroes the range for `io`, a write of zeroes or an unmap.
    void zero_for(bdevkit::Io io, uint64_t offset, uint64_t length) const noexcept {
        const bool keeps_pages = io.type() == bdevkit::IoType::write_zeroes &&
                                 (length < least_discard || io.has_flag(BDK_BDEV_IO_NO_UNMAP));
        if (keeps_pages)
            fill_with_zero(offset, length);
        else
            discard(offset, length);
    }

    /// Zeroes the range by writing zeroes.
    void fill_with_zero(uint64_t offset, uint64_t length) const noexcept {
        std::memset(at(offset), 0, length);
    }

    /// Zeroes the range, and gives whole pages back to the system where possible.
    void discard(uint64_t offset, uint64_t length) const noexcept {
        const uint64_t first_page = (offset + page_size - 1) & ~(page_size - 1);
        const uint64_t end = offset + length;
        const uint64_t end_of_pages = end & ~(page_size - 1);
        if (first_page >= end_of_pages || !give_back(first_page, end_of_pages - first_page))
            return fill_with_zero(offset, length);
        fill_with_zero(offset, first_page - offset);
        fill_with_zero(end_of_pages, end - end_of_pages);
    }

private:
    static constexpr uint64_t page_size = 4096;
    /// From this size on a write of zeroes gives memory back; below it, that would cost more than it saves.
    static constexpr uint64_t least_discard = 64 << 10;

    /// A device may have these pages registered and write to them, so they must stay.
    bool is_reachable_by_devices() const noexcept { return bdk_vtophys(start_.get(), nullptr) != UINT64_MAX; }

    /// Gives whole pages back to the system. Afterwards private memory is zero, but a shared mapping still
    /// has the old content; the first pages given back show which kind it is. The memory is not touched
    /// before that, so creating a disk takes no time and no space. @return whether the pages read as zero
    bool give_back(uint64_t offset, uint64_t length) const noexcept {
        const GivesBack known = gives_back_.load(std::memory_order_relaxed);
        if (known == GivesBack::no) return false;
        volatile std::byte* const probe = at(offset);
        if (known == GivesBack::unknown) *probe = std::byte{1};
        const bool fresh = madvise(at(offset), length, MADV_DONTNEED) == 0 &&
                           (known == GivesBack::yes || *probe == std::byte{0});
        if (known == GivesBack::unknown)
            gives_back_.store(fresh ? GivesBack::yes : GivesBack::no, std::memory_order_relaxed);
        return fresh;
    }

    enum class GivesBack : uint8_t { unknown, yes, no };

    std::unique_ptr<std::byte, decltype(&bdk_dma_free)> start_;
    mutable std::atomic<GivesBack> gives_back_{GivesBack::unknown};
};

// SPDX-License-Identifier: BSD-3-Clause
// The bytes of a malloc disk.
#pragma once

#include <bdevkit/memory.h>
#include <sys/mman.h>
#include <unistd.h>
#include <bdevkit/error.hpp>
#include <bdevkit/io.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

/// Memory that reads as zero until written, and takes no room until then. Any thread may use it.
class Memory {
public:
    /// Throws Error when the machine has not got that much.
    explicit Memory(uint64_t bytes)
        : start_(static_cast<std::byte*>(bdk_dma_zmalloc(bytes, page_size, BDK_NUMA_ANY)), bdk_dma_free) {
        if (start_ == nullptr)
            throw bdevkit::Error(ENOMEM,
                                 bdevkit::format("no memory for a disk of %llu bytes: make it smaller",
                                                 static_cast<unsigned long long>(bytes)));
        can_discard_ = bytes >= page_size && !is_reachable_by_devices() && discarded_page_reads_as_zero();
    }

    std::byte* at(uint64_t offset) const noexcept { return start_.get() + offset; }

    /// Makes the range zero for `io`, a write of zeroes or an unmap.
    void zero_for(bdevkit::Io io, uint64_t offset, uint64_t length) const noexcept {
        const bool keeps_pages = io.type() == bdevkit::IoType::write_zeroes &&
                                 (length < least_discard || io.has_flag(BDK_BDEV_IO_NO_UNMAP));
        if (keeps_pages)
            fill_with_zero(offset, length);
        else
            discard(offset, length);
    }

    /// Makes the range zero, by writing zeroes.
    void fill_with_zero(uint64_t offset, uint64_t length) const noexcept {
        std::memset(at(offset), 0, length);
    }

    /// Makes the range zero, and gives whole pages back to the system where that is possible.
    void discard(uint64_t offset, uint64_t length) const noexcept {
        const uint64_t first_page = (offset + page_size - 1) & ~(page_size - 1);
        const uint64_t end = offset + length;
        const uint64_t end_of_pages = end & ~(page_size - 1);
        if (!can_discard_ || first_page >= end_of_pages ||
            madvise(at(first_page), end_of_pages - first_page, MADV_DONTNEED) != 0)
            return fill_with_zero(offset, length);
        fill_with_zero(offset, first_page - offset);
        fill_with_zero(end_of_pages, end - end_of_pages);
    }

private:
    static constexpr uint64_t page_size = 4096;
    /// From here on a write of zeroes gives memory back; below, that would cost more than it saves.
    static constexpr uint64_t least_discard = 64 << 10;

    /// A device keeps writing to the pages that it was told of: those must stay.
    bool is_reachable_by_devices() const noexcept { return bdk_vtophys(start_.get(), nullptr) != UINT64_MAX; }

    /// Private memory is fresh after it was given back; a shared mapping still has the old content. And the
    /// system's pages may be larger than ours.
    bool discarded_page_reads_as_zero() const noexcept {
        volatile std::byte* probe = at(0);
        *probe = std::byte{1};
        const bool given_back = uint64_t(sysconf(_SC_PAGESIZE)) == page_size &&
                                madvise(at(0), page_size, MADV_DONTNEED) == 0 && *probe == std::byte{0};
        *probe = std::byte{0};
        return given_back;
    }

    std::unique_ptr<std::byte, decltype(&bdk_dma_free)> start_;
    bool can_discard_ = false;
};

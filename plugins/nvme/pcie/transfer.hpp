// SPDX-License-Identifier: BSD-3-Clause
// Memory for the data of commands. A device can access only pages that are pinned and mapped for it. A
// client's memory cannot be mapped: the client may free it, and its address may be given to other pages,
// without this module noticing. So data are copied through pages of the queue.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "../command.hpp"

namespace nvme::pcie {

constexpr uint32_t page_size = 4096;

/// Pages that the device can access. Used by one thread.
class PagePool {
public:
    /// @param iova  the device's address of `base`
    PagePool(std::byte* base, uint64_t iova, uint32_t pages);

    uint32_t available() const noexcept { return uint32_t(free_.size()); }
    /// Not to be called when none is available.
    uint32_t take() noexcept {
        const uint32_t page = free_.back();
        free_.pop_back();
        return page;
    }
    void give(uint32_t page) noexcept { free_.push_back(page); }

    std::byte* at(uint32_t page) const noexcept { return base_ + uint64_t(page) * page_size; }
    uint64_t iova(uint32_t page) const noexcept { return iova_ + uint64_t(page) * page_size; }

private:
    std::byte* base_;
    uint64_t iova_;
    std::vector<uint32_t> free_;
};

/// The memory of one command: pages for its data, one for metadata and, unless one SGL descriptor (Base
/// Specification 2.0, 4.1.2) is enough, one for the list of pages (PRP list, 4.1.1). An object is used for
/// many commands, one after another, so that a command allocates nothing.
class Transfer {
public:
    // Limits, in bytes.
    static constexpr uint32_t max_bytes = 1u << 20;
    static constexpr uint32_t max_md_bytes = page_size;

    Transfer();

    /// Takes pages, copies the data of a write into them, and points the command at them. The memory that
    /// `request` points to stays valid until end().
    /// @param sgls  the controller supports SGLs, which save the list when the pages are contiguous
    /// @return false when the pool has too few pages: nothing has happened
    bool begin(PagePool& pool, const Request& request, Command& command, bool sgls = false);

    /// Gives the pages back. @param read  the command has succeeded: copies its data to the client first
    void end(PagePool& pool, bool read);

    /// The most pages that begin() takes.
    static uint32_t most_pages(const Data& data) noexcept {
        const uint32_t data_pages = (data.bytes + page_size - 1) / page_size;
        return data_pages + (data.md_bytes != 0 ? 1 : 0) + (data_pages > 2 ? 1 : 0);
    }

    /// Whether a request is within the limits above.
    static bool fits(const Data& data) noexcept {
        return data.bytes <= max_bytes && data.md_bytes <= max_md_bytes;
    }

private:
    enum class Direction { to_device, from_device };

    bool take(PagePool& pool, bool sgls);
    bool is_contiguous() const noexcept;
    void point(PagePool& pool, Command& command);
    void copy(PagePool& pool, Direction direction);

    Data data_;
    uint8_t opcode_ = 0;
    uint32_t data_pages_ = 0;  ///< the first of `pages_`; the page for metadata and that for the list follow
    bool has_list_ = false;
    std::vector<uint32_t> pages_;
};

}  // namespace nvme::pcie

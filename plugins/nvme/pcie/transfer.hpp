// SPDX-License-Identifier: BSD-3-Clause
// Memory for the data of commands. A device may reach only pages that are pinned and mapped for it; a
// client's memory may be freed and its address given to other pages at any time, and nobody would tell this
// module. So data go through pages of the queue's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "../command.hpp"

namespace nvme::pcie {

constexpr uint32_t page_size = 4096;

/// Pages that the device reaches, of one thread.
class PagePool {
public:
    /// @param iova  where the device finds `base`
    PagePool(std::byte* base, uint64_t iova, uint32_t pages);

    uint32_t available() const noexcept { return uint32_t(free_.size()); }
    /// Not when none is available.
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
/// Specification 2.0, 4.1.2) says it all, one with their list (4.1.1: PRP). Kept and used again, so that
/// nothing is allocated per command.
class Transfer {
public:
    /// Bytes of data and of metadata that fit.
    static constexpr uint32_t max_bytes = 1u << 20;
    static constexpr uint32_t max_md_bytes = page_size;

    Transfer();

    /// Takes pages, fills them where the command writes, and points the command at them. What `request`
    /// points to stays valid until end(). @return false when the pool has too few: nothing has happened
    /// @param sgls  the controller takes SGLs, which save the list where pages lie side by side
    bool begin(PagePool& pool, const Request& request, Command& command, bool sgls = false);

    /// Gives the pages back. @param read  the command has ended well: what it has read goes to the client
    void end(PagePool& pool, bool read);

    /// Pages that begin() takes at most.
    static uint32_t most_pages(const Data& data) noexcept {
        const uint32_t data_pages = (data.bytes + page_size - 1) / page_size;
        return data_pages + (data.md_bytes != 0 ? 1 : 0) + (data_pages > 2 ? 1 : 0);
    }

    /// Whether a request is within the bounds above.
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
    uint32_t data_pages_ = 0;  ///< the first of `pages_`; then metadata's, then the list's
    bool has_list_ = false;
    std::vector<uint32_t> pages_;
};

}  // namespace nvme::pcie

// SPDX-License-Identifier: BSD-3-Clause
#include "transfer.hpp"

#include <algorithm>
#include <cstring>

namespace nvme::pcie {

namespace {

/// The lowest bits of an opcode tell the direction of the data.
constexpr uint8_t writes = 1, reads = 2;

/// A PRP list, of 8 bytes for each page, fits into one page.
static_assert(Transfer::max_bytes / page_size <= page_size / sizeof(uint64_t));

}  // namespace

PagePool::PagePool(std::byte* base, uint64_t iova, uint32_t pages) : base_(base), iova_(iova) {
    free_.reserve(pages);
    for (uint32_t page = pages; page-- > 0;)
        free_.push_back(page);
}

Transfer::Transfer() {
    pages_.reserve(4);
}

bool Transfer::begin(PagePool& pool, const Request& request, Command& command, bool sgls) {
    data_ = request.data;
    opcode_ = request.command.opcode;
    data_pages_ = (data_.bytes + page_size - 1) / page_size;
    if (!take(pool, sgls)) return false;
    point(pool, command);
    if ((opcode_ & writes) != 0) copy(pool, Direction::to_device);
    return true;
}

/// @return false when the pool has too few
bool Transfer::take(PagePool& pool, bool sgls) {
    if (pool.available() < most_pages(data_)) return false;
    const uint32_t wanted = data_pages_ + (data_.md_bytes != 0 ? 1 : 0);
    pages_.clear();
    for (uint32_t i = 0; i < wanted; i++)
        pages_.push_back(pool.take());
    has_list_ = data_pages_ > 2 && !(sgls && is_contiguous());
    if (has_list_) pages_.push_back(pool.take());
    return true;
}

bool Transfer::is_contiguous() const noexcept {
    for (uint32_t i = 1; i < data_pages_; i++)
        if (pages_[i] != pages_[0] + i) return false;
    return true;
}

void Transfer::end(PagePool& pool, bool read) {
    if (read && (opcode_ & reads) != 0) copy(pool, Direction::from_device);
    // The pool is a stack: pages that are given back in reverse are taken in order again, and stay
    // contiguous.
    for (; !pages_.empty(); pages_.pop_back())
        pool.give(pages_.back());
}

void Transfer::point(PagePool& pool, Command& command) {
    constexpr uint8_t describes_data = 3u << 6, by_sgl = 1u << 6;
    command.flags &= uint8_t(~describes_data);
    if (data_.md_bytes != 0) command.mptr = pool.iova(pages_[data_pages_]);
    if (data_pages_ > 0) command.dptr[0] = pool.iova(pages_[0]);
    if (data_pages_ == 2) command.dptr[1] = pool.iova(pages_[1]);
    if (data_pages_ <= 2) return;
    if (!has_list_) {
        command.flags |= by_sgl;
        command.dptr[1] = data_.bytes;  // a data block descriptor: its type is 0
        return;
    }
    const uint32_t list = pages_.back();
    auto* entries = reinterpret_cast<uint64_t*>(pool.at(list));
    for (uint32_t i = 1; i < data_pages_; i++)
        entries[i - 1] = pool.iova(pages_[i]);
    command.dptr[1] = pool.iova(list);
}

void Transfer::copy(PagePool& pool, Direction direction) {
    const auto move = [direction](std::byte* page, void* client, size_t bytes) {
        direction == Direction::to_device ? std::memcpy(page, client, bytes)
                                          : std::memcpy(client, page, bytes);
    };
    if (data_.md != nullptr)
        move(pool.at(pages_[data_pages_]), data_.md, data_.md_bytes);
    else if (data_.md_bytes != 0)
        std::memset(pool.at(pages_[data_pages_]), 0, data_.md_bytes);
    const iovec whole{data_.buf, data_.bytes};
    const iovec* piece = data_.iovcnt != 0 ? data_.iovs : &whole;
    uint32_t done = 0;
    size_t in_piece = 0;
    while (done < data_.bytes) {
        if (in_piece == piece->iov_len) {
            piece++;
            in_piece = 0;
            continue;
        }
        const uint32_t in_page = done % page_size;
        const size_t bytes =
            std::min<size_t>({page_size - in_page, data_.bytes - done, piece->iov_len - in_piece});
        move(pool.at(pages_[done / page_size]) + in_page, static_cast<std::byte*>(piece->iov_base) + in_piece,
             bytes);
        done += uint32_t(bytes);
        in_piece += bytes;
    }
}

}  // namespace nvme::pcie

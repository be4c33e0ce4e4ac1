// SPDX-License-Identifier: BSD-3-Clause
#include "model/scattered_buffer.hpp"

#include <algorithm>
#include <cstring>

namespace bdk::test {

namespace {

constexpr std::byte gap_byte{0xa5};
constexpr size_t page = 4096;

}  // namespace

void ScatteredBuffer::lay_out(Random& random, size_t bytes, size_t max_pieces) {
    const bool aligned = random.chance(30);
    const size_t count = std::min<size_t>(bytes, random.mostly_small(max_pieces));
    const size_t room = bytes + (count + 1) * (aligned ? 2 * page : 64) + page;
    if (memory_.size() < room) memory_.resize(room);
    std::byte* at = memory_.data();
    iovs_.clear();
    const auto skip = [&](size_t gap) {
        std::fill_n(at, gap, gap_byte);
        at += gap;
    };
    size_t left = bytes;
    for (size_t i = 0; i < count; i++) {
        skip(aligned ? page - uintptr_t(at) % page : random.between(1, 63));
        size_t length = left;
        if (i + 1 < count) length = random.chance(50) ? random.between(0, left) : left / (count - i);
        if (aligned && i + 1 < count) length -= length % 512;
        iovs_.push_back({at, length});
        at += length;
        left -= length;
    }
    skip(32);
}

void ScatteredBuffer::put(std::span<const std::byte> data) {
    for (const iovec& piece : iovs_) {
        if (piece.iov_len == 0) continue;
        std::memcpy(piece.iov_base, data.data(), piece.iov_len);
        data = data.subspan(piece.iov_len);
    }
}

void ScatteredBuffer::get(std::span<std::byte> data) const {
    for (const iovec& piece : iovs_) {
        if (piece.iov_len == 0) continue;
        std::memcpy(data.data(), piece.iov_base, piece.iov_len);
        data = data.subspan(piece.iov_len);
    }
}

bool ScatteredBuffer::are_gaps_untouched() const {
    const std::byte* at = memory_.data();
    const auto untouched = [](const std::byte* from, const std::byte* to) {
        return std::all_of(from, to, [](std::byte b) { return b == gap_byte; });
    };
    for (const iovec& piece : iovs_) {
        const auto* start = static_cast<const std::byte*>(piece.iov_base);
        if (!untouched(at, start)) return false;
        at = start + piece.iov_len;
    }
    return untouched(at, at + 32);
}

}  // namespace bdk::test

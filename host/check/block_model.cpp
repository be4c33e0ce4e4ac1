// SPDX-License-Identifier: BSD-3-Clause
#include "check/block_model.hpp"

#include <bdevkit/bdev_io.h>
#include <fmt/format.h>

#include <algorithm>

#include "check/pattern.hpp"
#include "check/recorder.hpp"

namespace bdevkit::host {

namespace {

constexpr size_t told_before = 4;

}  // namespace

BlockModel::BlockModel(CheckClient& client, uint64_t first, uint64_t count)
    : unit_(client.unit()),
      first_(first),
      count_(count),
      unit_bytes_(unit_ * client.block_size()),
      expected_(host::read(client, first, count)),
      open_(count / unit_) {}

void BlockModel::note(const std::string& what, uint64_t at, uint64_t units) {
    last_.push_back(fmt::format("{} of {} blocks at {}", what, units * unit_, block(at)));
    if (last_.size() > told_before) last_.erase(last_.begin());
}

void BlockModel::must(const CheckResult& result) const {
    if (!result.ok()) throw Broken{fmt::format("{}: {}", last_.back(), result.text()), "success"};
}

void BlockModel::write(CheckClient& by, uint64_t at, uint64_t units, uint64_t seed) {
    note("write", at, units);
    const Bytes data = make_pattern(units * unit_bytes_, seed);
    host::write(by, block(at), data);
    std::ranges::copy(data, expected_.begin() + std::ptrdiff_t(at * unit_bytes_));
    std::fill_n(open_.begin() + std::ptrdiff_t(at), units, false);
}

void BlockModel::zero(CheckClient& by, uint64_t at, uint64_t units) {
    note("write_zeroes", at, units);
    // Alternately permits and forbids the bdev to unmap the blocks.
    const bdk_bdev_io_opts opts{.size = sizeof(opts),
                                .flags = zeroings_++ % 2 == 0 ? uint32_t{BDK_BDEV_IO_NO_UNMAP} : 0u};
    must(by.run(last_.back(), [&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_write_zeroes_blocks(desc, ch, block(at), units * unit_, &opts, cb, arg);
    }));
    std::fill_n(expected_.begin() + std::ptrdiff_t(at * unit_bytes_), units * unit_bytes_, std::byte{0});
    std::fill_n(open_.begin() + std::ptrdiff_t(at), units, false);
}

void BlockModel::unmap(CheckClient& by, uint64_t at, uint64_t units) {
    note("unmap", at, units);
    must(by.run(last_.back(), [&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_unmap_blocks(desc, ch, block(at), units * unit_, nullptr, cb, arg);
    }));
    std::fill_n(open_.begin() + std::ptrdiff_t(at), units, true);
}

void BlockModel::copy(CheckClient& by, uint64_t to, uint64_t from, uint64_t units) {
    read(by, from, units);  // none of these blocks is unread after an unmap
    note(fmt::format("copy from {}", block(from)), to, units);
    must(by.run(last_.back(), [&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_copy_blocks(desc, ch, block(to), block(from), units * unit_, nullptr, cb, arg);
    }));
    const auto begin = expected_.begin() + std::ptrdiff_t(from * unit_bytes_);
    const Bytes data(begin, begin + std::ptrdiff_t(units * unit_bytes_));
    std::ranges::copy(data, expected_.begin() + std::ptrdiff_t(to * unit_bytes_));
    std::fill_n(open_.begin() + std::ptrdiff_t(to), units, false);
}

void BlockModel::read_edges(CheckClient& by, uint64_t at, uint64_t units) {
    if (at != 0) read(by, at - 1, 1);
    read(by, at, 1);
    if (units > 1) read(by, at + units - 1, 1);
    if (at + units < this->units()) read(by, at + units, 1);
}

void BlockModel::read(CheckClient& by, uint64_t at, uint64_t units) {
    const Bytes seen = host::read(by, block(at), units * unit_);
    for (uint64_t i = 0; i < units; i++) {
        if (!open_[at + i]) continue;
        std::copy_n(seen.begin() + std::ptrdiff_t(i * unit_bytes_), unit_bytes_,
                    expected_.begin() + std::ptrdiff_t((at + i) * unit_bytes_));
        open_[at + i] = false;
    }
    const auto begin = expected_.begin() + std::ptrdiff_t(at * unit_bytes_);
    const Bytes expected(begin, begin + std::ptrdiff_t(units * unit_bytes_));
    if (seen == expected) return;
    std::string before;
    for (const std::string& what : last_)
        before += (before.empty() ? ", after " : ", ") + what;
    expect_same(seen, expected, fmt::format("read of {} blocks at {}{}", units * unit_, block(at), before),
                by.block_size());
}

}  // namespace bdevkit::host

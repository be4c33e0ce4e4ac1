// SPDX-License-Identifier: BSD-3-Clause
/// @file read_blocks.hpp
/// Reading a bdev outside its I/O path: a table on it, a superblock.
#pragma once

#include <bdevkit/desc.hpp>

#include <memory>
#include <utility>

namespace BDEVKIT_HIDDEN bdevkit {

/// [channel's thread] Reads into `buffer`, which stays valid until then; then done(bool success) here, never
/// before the call has returned. Throws Error when the read is refused.
template <class Done>
void read_blocks(const Desc& desc, const IoChannel& ch, void* buffer, uint64_t offset_blocks,
                 uint64_t num_blocks, Done done) {
    auto kept = std::make_unique<Done>(std::move(done));
    const auto ended = [](bdk_bdev_io* io, bool success, void* arg) {
        const std::unique_ptr<Done> fn(static_cast<Done*>(arg));
        bdk_bdev_free_io(io);
        detail::guarded(BDK_LOG_COMPONENT, "read_blocks", [&] { (*fn)(success); });
    };
    check(bdk_bdev_read_blocks(desc.get(), ch.get(), buffer, offset_blocks, num_blocks, nullptr, ended,
                               kept.get()),
          "bdk_bdev_read_blocks");
    kept.release();
}

}  // namespace bdevkit

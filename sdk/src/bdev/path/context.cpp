// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/path/context.hpp"

#include <cstdlib>

namespace bdk {

namespace {

constexpr uint32_t ctx_bytes(uint32_t ctx_size) {
    return ctx_header_bytes + ((ctx_size + 15) & ~15u);
}

}  // namespace

// The word before the context leads back to the I/O.
bool io_take_ctx(BdevIo* io) {
    BdevChannel* ch = io->ch;
    uint32_t bytes = ctx_bytes(ch->ctx_size);
    std::byte* memory = nullptr;
    if (io->ctx_used + bytes <= inline_ctx_bytes) {
        memory = io->ctx + io->ctx_used;
        io->ctx_used = static_cast<uint16_t>(io->ctx_used + bytes);
    } else if (ch->free_ctx != nullptr) {
        memory = static_cast<std::byte*>(ch->free_ctx);
        ch->free_ctx = *reinterpret_cast<void**>(memory);
    } else {
        memory = static_cast<std::byte*>(std::aligned_alloc(64, (bytes + 63) & ~63u));
        if (memory == nullptr) return false;
    }
    *reinterpret_cast<BdevIo**>(memory) = io;
    io->pub.driver_ctx = memory + ctx_header_bytes;
    return true;
}

}  // namespace bdk

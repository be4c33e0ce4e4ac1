// SPDX-License-Identifier: BSD-3-Clause
// Buffers for reads that came without one, and for zcopy. They come from iobuf, or from the heap if they are
// larger than iobuf's buffers.
#include "bdev/path/io_buf.hpp"

#include <bdevkit/memory.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "bdev/model/bdev.hpp"
#include "bdev/model/channel.hpp"
#include "bdev/model/desc.hpp"
#include "bdev/model/io_pool.hpp"
#include "bdev/path/waiting_io.hpp"
#include "thread/io_channel.hpp"

namespace bdk {

namespace {

constexpr uint64_t buf_align = 4096;

bdk_iobuf_channel* iobuf_of(IoPool* pool) {
    if (pool->iobuf == nullptr) pool->iobuf = bdk_iobuf_channel_open("bdev");
    return pool->iobuf;
}

void buffer_came(bdk_iobuf_entry* entry, void* memory) {
    auto* io = reinterpret_cast<BdevIo*>(reinterpret_cast<std::byte*>(entry) - offsetof(BdevIo, buffer_wait) -
                                         offsetof(BufferWait, entry));
    std::exchange(io->buffer_wait.ready, nullptr)(io, {memory, io->buffer_wait.bytes});
}

/// False if an I/O above this one may hold a buffer of iobuf until this one completes: if all buffers were
/// held in this way, none would become free. Also false if the submitter has closed, because its I/O does not
/// wait.
bool may_wait(const BdevIo* io) {
    if (submitter_has_closed(io)) return false;
    const BdevIo* at = io;
    while (at->own_buf == nullptr) {
        const BdevIo* above = at->part.parent != nullptr ? at->part.parent : at->stands_for;
        if (above == nullptr) return !at->origin()->desc->of_module.load(std::memory_order_relaxed);
        if (above->work.step != nullptr && above->work.buf != nullptr) return false;
        at = above;
    }
    return false;
}

IoBuffer heap_buffer(uint64_t bytes) {
    // Larger than any buffer of iobuf, so that give_back_buffer() can tell them apart by size.
    bytes = std::max(bytes, bdk_iobuf_max_len() + 1);
    return {bdk_dma_malloc(bytes, buf_align, BDK_NUMA_ANY), bytes};
}

}  // namespace

void take_buffer(BdevIo* io, uint64_t bytes, void (*ready)(BdevIo*, IoBuffer)) {
    io->buffer_wait.bytes = bytes;
    bdk_iobuf_channel* iobuf = bytes <= bdk_iobuf_max_len() ? iobuf_of(io->pool) : nullptr;
    if (iobuf == nullptr) return ready(io, heap_buffer(bytes));
    bool waits = may_wait(io);
    io->buffer_wait.entry.cb = buffer_came;
    void* memory = bdk_iobuf_get(iobuf, bytes, waits ? &io->buffer_wait.entry : nullptr);
    if (memory != nullptr) return ready(io, {memory, bytes});
    if (!waits) return ready(io, heap_buffer(bytes));
    io->buffer_wait.ready = ready;
}

void give_back_buffer(IoPool* pool, IoBuffer buffer) {
    if (buffer.bytes <= bdk_iobuf_max_len())
        bdk_iobuf_put(pool->iobuf, buffer.memory, buffer.bytes);
    else
        bdk_dma_free(buffer.memory);
}

bool cancel_buffer_wait(BdevIo* io) {
    if (io->buffer_wait.ready == nullptr) return false;
    bdk_iobuf_cancel(io->pool->iobuf, &io->buffer_wait.entry, io->buffer_wait.bytes);
    io->buffer_wait.ready = nullptr;
    return true;
}

bool end_buffer_wait(BdevIo* io) {
    IoBuffer buffer = heap_buffer(io->buffer_wait.bytes);
    if (buffer.memory == nullptr) return false;
    auto ready = io->buffer_wait.ready;
    cancel_buffer_wait(io);
    ready(io, buffer);
    return true;
}

bool has_buffer(const BdevIo* io) {
    const bdk_bdev_io_block_params& params = io->pub.u.bdev;
    return params.iovcnt > 0 && params.iovs[0].iov_base != nullptr;
}

void set_own_buf(BdevIo* io, IoBuffer buffer, uint64_t bytes) {
    io->own_buf = buffer.memory;
    io->own_buf_len = buffer.bytes;
    io->iov = {buffer.memory, bytes};
    io->pub.u.bdev.iovs = &io->iov;
    io->pub.u.bdev.iovcnt = 1;
}

void release_own_buf(BdevIo* io) {
    give_back_buffer(io->pool, {std::exchange(io->own_buf, nullptr), io->own_buf_len});
}

void free_core_io(BdevIo* io) {
    IoPool* pool = io->pool;
    if (io->own_buf != nullptr) release_own_buf(io);
    pool->put(io);
    pool->given_back();
}

}  // namespace bdk

using bdk::BdevIo;

void bdk_bdev_io_get_buf(bdk_bdev_io* pub, bdk_bdev_io_get_buf_cb cb, uint64_t len) {
    BdevIo* io = BdevIo::of(pub);
    if (!bdk::on_submitters_thread(io, BDK_ABI_CALL)) return;
    if (bdk::has_buffer(io)) return cb(io->ch->module_ch, pub, true);
    io->get_buf_cb = cb;
    bdk::take_buffer(io, len, [](BdevIo* reader, bdk::IoBuffer buffer) {
        if (buffer.memory != nullptr) bdk::set_own_buf(reader, buffer, reader->buffer_wait.bytes);
        reader->get_buf_cb(reader->ch->module_ch, &reader->pub, buffer.memory != nullptr);
    });
}

void bdk_bdev_io_set_buf(bdk_bdev_io* pub, void* buf, uint64_t len) {
    BdevIo* io = BdevIo::of(pub);
    if (!bdk::on_submitters_thread(io, BDK_ABI_CALL)) return;
    io->iov = {buf, len};
    io->pub.u.bdev.iovs = &io->iov;
    io->pub.u.bdev.iovcnt = 1;
}

bdk_bdev_io* bdk_bdev_io_from_ctx(void* ctx) {
    return *reinterpret_cast<bdk_bdev_io**>(static_cast<std::byte*>(ctx) - bdk::ctx_header_bytes);
}

bdk_thread* bdk_bdev_io_get_thread(const bdk_bdev_io* io) {
    return BdevIo::of(io)->pool->thread;
}

bdk_io_channel* bdk_bdev_io_get_io_channel(const bdk_bdev_io* io) {
    if (!bdk::on_submitters_thread(BdevIo::of(io), BDK_ABI_CALL)) return nullptr;
    return bdk::io_channel_from_ctx(BdevIo::of(io)->ch);
}

uint64_t bdk_bdev_io_get_submit_ticks(const bdk_bdev_io* io) {
    return BdevIo::of(io)->submit_ticks;
}

void bdk_bdev_io_get_iovec(const bdk_bdev_io* io, iovec** iovs, int32_t* iovcnt) {
    if (iovs != nullptr) *iovs = io->u.bdev.iovs;
    if (iovcnt != nullptr) *iovcnt = io->u.bdev.iovcnt;
}

// SPDX-License-Identifier: BSD-3-Clause
// Buffers for reads that came without one, and for zcopy. From iobuf, or beyond its largest size from the
// heap.
#include "bdev/io_buf.hpp"

#include <bdevkit/memory.h>

#include <cstddef>
#include <utility>

#include "bdev/channel.hpp"
#include "bdev/io_pool.hpp"

namespace bdk {

namespace {

constexpr uint64_t buf_align = 4096;

bdk_iobuf_channel* iobuf_of(IoPool* pool) {
    if (pool->iobuf == nullptr) pool->iobuf = bdk_iobuf_channel_open("bdev");
    return pool->iobuf;
}

void buffer_came(bdk_iobuf_entry* entry, void* buf) {
    auto* io = reinterpret_cast<BdevIo*>(reinterpret_cast<std::byte*>(entry) - offsetof(BdevIo, buffer_wait) -
                                         offsetof(BufferWait, entry));
    std::exchange(io->buffer_wait.ready, nullptr)(io, buf);
}

}  // namespace

void take_buffer(BdevIo* io, uint64_t bytes, void (*ready)(BdevIo*, void*)) {
    if (bytes > bdk_iobuf_max_len()) return ready(io, bdk_dma_malloc(bytes, buf_align, BDK_NUMA_ANY));
    bdk_iobuf_channel* iobuf = iobuf_of(io->pool);
    if (iobuf == nullptr) return ready(io, nullptr);
    io->buffer_wait.entry.cb = buffer_came;
    io->buffer_wait.ready = ready;
    io->buffer_wait.bytes = bytes;
    void* buf = bdk_iobuf_get(iobuf, bytes, &io->buffer_wait.entry);
    if (buf == nullptr) return;
    io->buffer_wait.ready = nullptr;
    ready(io, buf);
}

void give_back_buffer(IoPool* pool, void* buf, uint64_t bytes) {
    if (bytes <= bdk_iobuf_max_len())
        bdk_iobuf_put(pool->iobuf, buf, bytes);
    else
        bdk_dma_free(buf);
}

bool cancel_buffer_wait(BdevIo* io) {
    if (io->buffer_wait.ready == nullptr) return false;
    bdk_iobuf_cancel(io->pool->iobuf, &io->buffer_wait.entry, io->buffer_wait.bytes);
    io->buffer_wait.ready = nullptr;
    return true;
}

bool has_buffer(const BdevIo* io) {
    const bdk_bdev_io_block_params& params = io->pub.u.bdev;
    return params.iovcnt > 0 && params.iovs[0].iov_base != nullptr;
}

void set_own_buf(BdevIo* io, void* buf, uint64_t bytes) {
    io->own_buf = buf;
    io->own_buf_len = bytes;
    io->iov = {buf, bytes};
    io->pub.u.bdev.iovs = &io->iov;
    io->pub.u.bdev.iovcnt = 1;
}

void release_own_buf(BdevIo* io) {
    give_back_buffer(io->pool, std::exchange(io->own_buf, nullptr), io->own_buf_len);
}

}  // namespace bdk

using bdk::BdevIo;

void bdk_bdev_io_get_buf(bdk_bdev_io* pub, bdk_bdev_io_get_buf_cb cb, uint64_t len) {
    BdevIo* io = BdevIo::of(pub);
    if (bdk::has_buffer(io)) return cb(io->ch->module_ch, pub, true);
    // For the time of the wait the length is kept where the buffer's will be.
    io->own_buf_len = len;
    io->get_buf_cb = cb;
    bdk::take_buffer(io, len, [](BdevIo* reader, void* buf) {
        if (buf != nullptr) bdk::set_own_buf(reader, buf, reader->own_buf_len);
        reader->get_buf_cb(reader->ch->module_ch, &reader->pub, buf != nullptr);
    });
}

void bdk_bdev_io_set_buf(bdk_bdev_io* pub, void* buf, uint64_t len) {
    BdevIo* io = BdevIo::of(pub);
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
    return bdk_io_channel_from_ctx(BdevIo::of(io)->ch);
}

uint64_t bdk_bdev_io_get_submit_tsc(const bdk_bdev_io* io) {
    return BdevIo::of(io)->submit_ticks;
}

uint64_t bdk_bdev_io_get_seek_offset(const bdk_bdev_io* io) {
    return io->u.bdev.seek_offset;
}

uint64_t bdk_bdev_io_get_append_location(const bdk_bdev_io* io) {
    return io->u.bdev.offset_blocks;
}

void bdk_bdev_io_get_iovec(const bdk_bdev_io* io, iovec** iovs, int32_t* iovcnt) {
    if (iovs != nullptr) *iovs = io->u.bdev.iovs;
    if (iovcnt != nullptr) *iovcnt = io->u.bdev.iovcnt;
}

void bdk_bdev_io_set_seek_offset(bdk_bdev_io* io, uint64_t offset_blocks) {
    io->u.bdev.seek_offset = offset_blocks;
}

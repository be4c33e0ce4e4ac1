// SPDX-License-Identifier: BSD-3-Clause
// Buffers for reads that came without one, and for zcopy. From iobuf, or beyond its largest size from the
// heap.
#include "bdev/io_buf.hpp"

#include <bdevkit/memory.h>

#include <memory>

#include "bdev/channel.hpp"
#include "bdev/io_pool.hpp"

namespace bdk {

namespace {

constexpr uint64_t buf_align = 4096;

bdk_iobuf_channel* iobuf_of(IoPool* pool) {
    if (pool->iobuf == nullptr) pool->iobuf = bdk_iobuf_channel_open("bdev");
    return pool->iobuf;
}

bool has_buf(const BdevIo* io) {
    const bdk_bdev_io_block_params& params = io->pub.u.bdev;
    return params.iovcnt > 0 && params.iovs[0].iov_base != nullptr;
}

void set_own_buf(BdevIo* io, void* buf, uint64_t len) {
    io->own_buf = buf;
    io->own_buf_len = len;
    io->iov = {buf, len};
    io->pub.u.bdev.iovs = &io->iov;
    io->pub.u.bdev.iovcnt = 1;
}

/// A read that waits for a buffer of iobuf.
struct BufWait {
    bdk_iobuf_entry entry{};
    BdevIo* io;
    bdk_bdev_io_get_buf_cb cb;
    uint64_t len;
};

void buf_ready(bdk_iobuf_entry* entry, void* buf) {
    std::unique_ptr<BufWait> wait(reinterpret_cast<BufWait*>(entry));
    set_own_buf(wait->io, buf, wait->len);
    wait->cb(wait->io->ch->module_ch, &wait->io->pub, true);
}

}  // namespace

void release_own_buf(BdevIo* io) {
    if (io->own_buf_len <= bdk_iobuf_max_len())
        bdk_iobuf_put(io->pool->iobuf, io->own_buf, io->own_buf_len);
    else
        bdk_dma_free(io->own_buf);
    io->own_buf = nullptr;
}

}  // namespace bdk

using bdk::BdevIo;

void bdk_bdev_io_get_buf(bdk_bdev_io* pub, bdk_bdev_io_get_buf_cb cb, uint64_t len) {
    BdevIo* io = BdevIo::of(pub);
    bdk_io_channel* ch = io->ch->module_ch;
    if (bdk::has_buf(io)) return cb(ch, pub, true);
    if (len > bdk_iobuf_max_len()) {
        void* buf = bdk_dma_malloc(len, bdk::buf_align, BDK_NUMA_ANY);
        if (buf != nullptr) bdk::set_own_buf(io, buf, len);
        return cb(ch, pub, buf != nullptr);
    }
    bdk_iobuf_channel* iobuf = bdk::iobuf_of(io->pool);
    if (iobuf == nullptr) return cb(ch, pub, false);
    auto wait = std::make_unique<bdk::BufWait>(bdk::BufWait{{bdk::buf_ready, {}}, io, cb, len});
    void* buf = bdk_iobuf_get(iobuf, len, &wait->entry);
    if (buf == nullptr) {
        static_cast<void>(wait.release());  // buf_ready() takes it back
        return;
    }
    bdk::set_own_buf(io, buf, len);
    cb(ch, pub, true);
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

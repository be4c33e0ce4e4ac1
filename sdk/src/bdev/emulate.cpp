// SPDX-License-Identifier: BSD-3-Clause
// Types that the core builds from others where the module lacks them.
#include <bdevkit/memory.h>

#include <algorithm>
#include <cerrno>

#include "bdev/bdev.hpp"
#include "bdev/io_path.hpp"
#include "bdev/io_pool.hpp"

namespace bdk {

namespace {

constexpr uint64_t zero_bytes = 1024ull * 1024;

/// Zeroes to write from; never written, so one for the whole process.
void* zero_buffer() {
    static void* const buffer = bdk_dma_zmalloc(zero_bytes, 4096, BDK_NUMA_ANY);
    return buffer;
}

/* ---- write zeroes by writes; core_count: blocks done ---- */

void write_next_zeroes(BdevIo* io);

void zeroes_written(bdk_bdev_io* child_pub, bool success, void* arg) {
    auto* io = static_cast<BdevIo*>(arg);
    BdevIo* child = BdevIo::of(child_pub);
    uint64_t done = io->core_count + child->pub.u.bdev.num_blocks;
    IoStatus status = child->status;
    bdk_bdev_free_io(child_pub);
    io->core_count = done;
    if (!success || done == io->pub.u.bdev.num_blocks)
        io_complete_from_core(io, status);
    else
        write_next_zeroes(io);
}

void write_next_zeroes(BdevIo* io) {
    BdevIo* child = io_make_child(io, BDK_BDEV_IO_TYPE_WRITE, zeroes_written);
    if (child == nullptr) return io_wait_for_bdev_io(io, write_next_zeroes);
    const bdk_bdev_io_block_params& range = io->pub.u.bdev;
    uint64_t done = io->core_count;
    const Bdev* bdev = io->ch->bdev;
    uint64_t blocks = std::min(range.num_blocks - done, std::max<uint64_t>(zero_bytes / bdev->blocklen, 1));
    child->iov = {zero_buffer(), bdev->bytes(blocks)};
    child->pub.u.bdev.iovs = &child->iov;
    child->pub.u.bdev.iovcnt = 1;
    child->pub.u.bdev.md_buf = nullptr;
    child->pub.u.bdev.flags &= BDK_BDEV_IO_FUA;
    child->pub.u.bdev.offset_blocks = range.offset_blocks + done;
    child->pub.u.bdev.num_blocks = blocks;
    io_enter(child);
}

/* ---- FUA by a flush after the write ---- */

void flushed(bdk_bdev_io* child_pub, bool, void* arg) {
    IoStatus status = BdevIo::of(child_pub)->status;
    bdk_bdev_free_io(child_pub);
    io_complete_from_core(static_cast<BdevIo*>(arg), status);
}

void flush_after_write(BdevIo* io) {
    BdevIo* child = io_make_child(io, BDK_BDEV_IO_TYPE_FLUSH, flushed);
    if (child == nullptr) return io_wait_for_bdev_io(io, flush_after_write);
    child->pub.u.bdev.flags = 0;
    io_enter(child);
}

void written(bdk_bdev_io* child_pub, bool success, void* arg) {
    auto* io = static_cast<BdevIo*>(arg);
    IoStatus status = BdevIo::of(child_pub)->status;
    bdk_bdev_free_io(child_pub);
    if (success)
        flush_after_write(io);
    else
        io_complete_from_core(io, status);
}

}  // namespace

void write_zeroes_emulate(BdevIo* io) {
    if (zero_buffer() == nullptr) return io_complete_from_core(io, BDK_BDEV_IO_STATUS_NOMEM);
    io->core_count = 0;
    write_next_zeroes(io);
}

void fua_emulate(BdevIo* io) {
    if ((io->pub.u.bdev.flags & BDK_BDEV_IO_FUA) == 0) return io_dispatch(io);
    BdevIo* child = io_make_child(io, BDK_BDEV_IO_TYPE_WRITE, written);
    if (child == nullptr) return io_wait_for_bdev_io(io, fua_emulate);
    child->pub.u.bdev.flags &= ~static_cast<uint32_t>(BDK_BDEV_IO_FUA);
    io_enter(child);
}

}  // namespace bdk

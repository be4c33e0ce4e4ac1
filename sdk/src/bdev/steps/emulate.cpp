// SPDX-License-Identifier: BSD-3-Clause
// Emulates write zeroes by writes, and FUA by a flush, if the module lacks them.
#include <bdevkit/memory.h>

#include <algorithm>
#include <atomic>

#include "bdev/model/bdev.hpp"
#include "bdev/model/channel.hpp"
#include "bdev/path/complete.hpp"
#include "bdev/path/parent.hpp"
#include "bdev/steps/emulate.hpp"
#include "bdev/steps/hidden_md.hpp"

namespace bdk {

namespace {

constexpr uint64_t zero_bytes = 1024ull * 1024;

std::atomic<void*> g_zeroes{nullptr};

/// A buffer of zeroes. It is never written to, so one is enough for the whole process.
void* zero_buffer() {
    return g_zeroes.load(std::memory_order_acquire);
}

/// False if there is no memory for it at the moment.
bool make_zero_buffer() {
    if (zero_buffer() != nullptr) return true;
    void* made = bdk_dma_zmalloc(zero_bytes, 4096, BDK_NUMA_ANY);
    void* none = nullptr;
    if (made != nullptr && !g_zeroes.compare_exchange_strong(none, made)) bdk_dma_free(made);
    return zero_buffer() != nullptr;
}

/// The number of blocks per write: whole write units.
uint64_t blocks_per_write(const Bdev* bdev) {
    uint64_t block_bytes = std::max<uint64_t>(bdev->blocklen, bdev->md_len);
    uint64_t blocks = std::max<uint64_t>(zero_bytes / block_bytes, 1);
    uint64_t unit = std::max<uint64_t>(bdev->config.write_unit_size, 1);
    return std::max(blocks - blocks % unit, unit);
}

/// Makes the child's data from repetitions of the zero buffer. False if the step has to end.
bool set_zero_data(BdevIo* child) {
    std::vector<iovec>& pieces = child->part.iovs;
    pieces.clear();
    uint64_t left = child->ch->bdev->bytes(child->pub.u.bdev.num_blocks);
    if (!child_make_room(child, (left + zero_bytes - 1) / zero_bytes)) return false;
    for (; left != 0; left -= pieces.back().iov_len)
        pieces.push_back({zero_buffer(), std::min(left, zero_bytes)});
    child->pub.u.bdev.iovs = pieces.data();
    child->pub.u.bdev.iovcnt = static_cast<int32_t>(pieces.size());
    child->pub.u.bdev.md_buf = child->ch->bdev->has_separate_md() ? zero_buffer() : nullptr;
    return true;
}

void zeroes_step(BdevIo* io) {
    ParentWork& work = io->work;
    const bdk_bdev_io_block_params& range = io->pub.u.bdev;
    while (work.done < range.num_blocks && work.children < children_at_once(io)) {
        BdevIo* child = parent_make_child(io, BDK_BDEV_IO_TYPE_WRITE);
        if (child == nullptr) return;
        bdk_bdev_io_block_params& params = child->pub.u.bdev;
        params.offset_blocks = range.offset_blocks + work.done;
        params.num_blocks = std::min(range.num_blocks - work.done, blocks_per_write(io->ch->bdev));
        params.flags = range.flags & BDK_BDEV_IO_FUA;
        params.dif_check_flags = 0;
        if (!set_zero_data(child)) return;
        work.done += params.num_blocks;
        child_start(child);
    }
    if (work.children == 0) parent_finish(io);
}

void fua_step(BdevIo* io) {
    ParentWork& work = io->work;
    if (work.stage == 2) return parent_finish(io);
    bool written = work.stage == 1;
    BdevIo* child = parent_make_child(io, written ? uint32_t{BDK_BDEV_IO_TYPE_FLUSH} : io->pub.type);
    if (child == nullptr) return;
    child->pub.u.bdev.flags &= written ? 0 : ~uint32_t{BDK_BDEV_IO_FUA};
    work.stage++;
    child_start(child);
}

void fua_child_ended(BdevIo* io, BdevIo* child) {
    if (child->pub.type == BDK_BDEV_IO_TYPE_ZONE_APPEND)
        io->pub.u.bdev.offset_blocks = child->pub.u.bdev.offset_blocks;
}

}  // namespace

void write_zeroes_emulate(BdevIo* io) {
    if (io->ch->bdev->config.dif_type != 0) return metadata_start(io);  // tags differ from block to block
    if (!make_zero_buffer()) return io_complete_from_core(io, BDK_BDEV_IO_STATUS_NOMEM);
    parent_begin(io, zeroes_step);
}

void fua_emulate(BdevIo* io) {
    parent_begin(io, fua_step, fua_child_ended);
}

}  // namespace bdk

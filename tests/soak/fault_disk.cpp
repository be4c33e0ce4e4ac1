// SPDX-License-Identifier: BSD-3-Clause
#include "soak/fault_disk.hpp"

#include <cstring>
#include <new>

namespace bdk::test {

using bdevkit::IoStatus;

constinit const bdk_module fault_disk_module = bdevkit::make_module<FaultDisk>({.name = "fault_disk"});

const bdk_module* FaultDisk::module() noexcept {
    return &fault_disk_module;
}

void FaultDisk::fail_submission(SubmitFault how, uint64_t number) {
    how_ = how;
    left_ = number;
}

FaultDisk::FaultDisk(const char* name) : Bdev(name) {
    bdev().blocklen = 512;
    bdev().blockcnt = 256;
    bdev().io_type_supported =
        bdevkit::io_types(IoType::read, IoType::write, IoType::flush, IoType::reset, IoType::abort);
    if (shape) shape(bdev());
    data_.resize(bdev().blockcnt * bdev().blocklen);
    md_.resize(bdev().blockcnt * bdev().md_len);
}

void FaultDisk::submit(Channel& ch, Io io) {
    if (left_ != 0 && --left_ == 0) {
        if (how_ == SubmitFault::nomem) return io.complete(IoStatus::nomem);
        if (how_ == SubmitFault::failed) return io.complete(IoStatus::failed);
        throw std::bad_alloc();
    }
    switch (io.type()) {
        case IoType::abort: {
            const bool aborted = ch.batch().abort(io->u.abort.bio_to_abort);
            return io.complete(aborted ? IoStatus::success : IoStatus::failed);
        }
        case IoType::reset:
            return for_each_channel([](Channel& channel) { channel.batch().abort_all(); },
                                    [io] { io.complete(); });
        case IoType::read:
            return io.has_buffer() ? ch.batch().add(io) : with_buffer<&FaultDisk::have_buffer>(io);
        default:
            return ch.batch().add(io);
    }
}

void FaultDisk::work(Io io) {
    if (io.type() != IoType::read && io.type() != IoType::write) return;
    const bool reads = io.type() == IoType::read;
    auto move = [reads](void* client, std::byte* ours, size_t bytes) {
        if (bytes != 0) reads ? std::memcpy(client, ours, bytes) : std::memcpy(ours, client, bytes);
    };
    std::byte* at = data_.data() + io.offset_blocks() * bdev().blocklen;
    for (const iovec& piece : io.iovs()) {
        move(piece.iov_base, at, piece.iov_len);
        at += piece.iov_len;
    }
    if (io->u.bdev.md_buf != nullptr)
        move(io->u.bdev.md_buf, md_.data() + io.offset_blocks() * bdev().md_len,
             io.num_blocks() * bdev().md_len);
}

}  // namespace bdk::test

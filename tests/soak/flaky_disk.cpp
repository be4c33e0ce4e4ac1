// SPDX-License-Identifier: BSD-3-Clause
#include "soak/flaky_disk.hpp"

#include <algorithm>
#include <utility>

namespace bdk::test {

using bdevkit::IoStatus;

constinit const bdk_module flaky_disk_module = bdevkit::make_module<FlakyDisk>({.name = "flaky_disk"});

const bdk_module* FlakyDisk::module() noexcept {
    return &flaky_disk_module;
}

FlakyDisk::FlakyDisk(const char* name, const Options& given) : Bdev(name), seed_(given.seed) {
    bdev().blockcnt = given.blocks;
    bdev().blocklen = 512;
    bdev().max_rw_size = given.max_rw_size;
    bdev().required_alignment = given.required_alignment;
}

void FlakyDisk::submit(Channel& ch, Io io) {
    if (io.type() == IoType::read && !io.has_buffer()) return with_buffer<&FlakyDisk::have_buffer>(io);
    if (io.type() == IoType::reset)
        return for_each_channel([](Channel& channel) { channel.abort_all(); }, [io] { io.complete(); });
    ch.take(io);
}

FlakyDisk::Channel::Channel(FlakyDisk& disk)
    : random_(disk.seed_), poller_(bdevkit::Poller::start<&Channel::complete_some>(this, "flaky_disk")) {}

void FlakyDisk::Channel::take(Io io) {
    if (io.type() == IoType::abort)
        return io.complete(abort(io->u.abort.bio_to_abort) ? IoStatus::success : IoStatus::failed);
    switch (random_.below(16)) {
        case 0:
            return io.complete(IoStatus::nomem);
        case 1:
            return io.complete(IoStatus::failed);
        case 2:
        case 3:
            return io.complete();
        default:
            later_.push_back(io);
    }
}

bool FlakyDisk::Channel::complete_some() {
    if (later_.empty() || random_.one_in(4)) return false;
    std::swap(later_[random_.below(later_.size())], later_.back());
    const Io io = later_.back();
    later_.pop_back();
    io.complete(random_.one_in(32) ? IoStatus::nomem : IoStatus::success);
    return true;
}

bool FlakyDisk::Channel::abort(const bdk_bdev_io* target) {
    const auto found = std::find_if(later_.begin(), later_.end(), [&](Io io) { return io.get() == target; });
    if (found == later_.end()) return false;
    const Io io = *found;
    later_.erase(found);
    io.complete(IoStatus::aborted);
    return true;
}

void FlakyDisk::Channel::abort_all() {
    for (const Io io : std::exchange(later_, {}))
        io.complete(IoStatus::aborted);
}

}  // namespace bdk::test

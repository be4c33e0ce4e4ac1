// SPDX-License-Identifier: BSD-3-Clause
#include "check/checking_bdev.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "bdev/model/bdev.hpp"
#include "bdev/model/desc.hpp"
#include "check/pattern.hpp"

namespace bdevkit::host {

namespace {

/// The kit creates it directly, not from options.
constexpr bdk_module checking_module = {.size = sizeof(bdk_module),
                                        .name = "check_base",
                                        .version = BDEVKIT_VERSION,
                                        .description = "The bases of a module under check"};

/// Of the app thread.
std::map<std::string, CheckingBdev*>& living() {
    static std::map<std::string, CheckingBdev*> instance;
    return instance;
}

constexpr int unmapped_byte = 0xdb;

bdk_uuid uuid_of(std::string_view name) {
    bdk_uuid uuid{};
    std::copy_n(name.begin(), std::min(name.size(), sizeof(uuid.bytes)), uuid.bytes);
    return uuid;
}

bool changes_data(bdevkit::IoType type) {
    using enum bdevkit::IoType;
    return type == write || type == unmap || type == write_zeroes;
}

}  // namespace

CheckingBdev::Channel::Channel(CheckingBdev& owner)
    : disk(owner), poller([&]() -> bdevkit::Poller {
          if (owner.no_channel) throw Error(ENOMEM, "told to give no channel");
          return bdevkit::Poller::start<&Channel::complete_late>(this, "check_base");
      }()) {
    poller.pause();
    disk.channels++;
}

CheckingBdev::Channel::~Channel() {
    disk.channels--;
}

bool CheckingBdev::Channel::complete_late() {
    if (late.empty()) {
        poller.pause();
        return false;
    }
    complete_all(*this, late);
    return true;
}

CheckingBdev::CheckingBdev(const char* name, uint64_t bytes, uint32_t block_size, bool takes_fua)
    : Bdev(name), data_(bytes) {
    bdev().blocklen = block_size;
    bdev().blockcnt = bytes / block_size;
    // A UUID of its own, which a bdev that stands on it must not take.
    bdev().uuid = uuid_of(name);
    bdev().flags = BDK_BDEV_WRITE_CACHE | (takes_fua ? uint32_t{BDK_BDEV_FUA} : 0u);
    living()[name] = this;
}

CheckingBdev::~CheckingBdev() {
    living().erase(name());
}

const bdk_module* CheckingBdev::module() noexcept {
    return &checking_module;
}

CheckingBdev* CheckingBdev::find(const std::string& name) {
    const auto found = living().find(name);
    return found == living().end() ? nullptr : found->second;
}

void CheckingBdev::release(std::function<void()> done) {
    for_each_channel([](Channel& ch) { complete_all(ch, ch.held); }, std::move(done));
}

void CheckingBdev::grow(uint64_t num_blocks) {
    {
        const std::scoped_lock lock(mutex_);
        data_.grow(num_blocks * bdev().blocklen);
    }
    notify_resized(num_blocks);
}

void CheckingBdev::fill(uint64_t seed) {
    const std::scoped_lock lock(mutex_);
    fill_pattern(data_.bytes(), seed);
}

std::vector<std::byte> CheckingBdev::content() const {
    const std::scoped_lock lock(mutex_);
    return {data_.bytes().begin(), data_.bytes().end()};
}

void CheckingBdev::write_at(uint64_t offset, std::span<const std::byte> bytes) {
    const std::scoped_lock lock(mutex_);
    std::copy(bytes.begin(), bytes.end(), data_.bytes().begin() + std::ptrdiff_t(offset));
}

size_t CheckingBdev::descs() const {
    bdk::Bdev* core = bdk::Bdev::of(&bdev());
    const std::scoped_lock lock(core->mutex);
    return core->descs.size();
}

bool CheckingBdev::is_claimed() const {
    bdk::Bdev* core = bdk::Bdev::of(&bdev());
    const std::scoped_lock lock(core->mutex);
    return core->claim.type != BDK_BDEV_CLAIM_NONE;
}

bool CheckingBdev::is_open_for_writing() const {
    bdk::Bdev* core = bdk::Bdev::of(&bdev());
    const std::scoped_lock lock(core->mutex);
    return std::any_of(core->descs.begin(), core->descs.end(),
                       [](const bdk_bdev_desc* desc) { return desc->write.load(); });
}

void CheckingBdev::submit(Channel& ch, Io io) {
    submitted++;
    if (io.type() == IoType::abort) return abort(ch, io);
    if (io.type() == IoType::reset) return reset(ch, io);
    const uint32_t every = nomem_every;
    if (every != 0 && ++ch.count % every == 0) return io.complete(IoStatus::nomem);
    if (io.type() == IoType::read) reads++;
    if (changes_data(io.type())) {
        changes++;
        if (!is_claimed()) unclaimed_changes++;
    }
    if (fail) return io.complete_errno(-EIO);
    start(ch, io);
}

/// Half of the I/O completes inside submit, the other half later: a module must handle both.
void CheckingBdev::start(Channel& ch, Io io) {
    if (hold) return ch.held.push_back(io);
    if (++ch.count % 2 == 0) return serve(ch, io);
    if (ch.late.empty()) ch.poller.resume();
    ch.late.push_back(io);
}

void CheckingBdev::serve(Channel& ch, Io io) {
    if (io.type() == IoType::read && !io.has_buffer()) return with_buffer<&CheckingBdev::transfer>(io);
    transfer(ch, io);
}

void CheckingBdev::transfer(Channel&, Io io) {
    {
        const std::scoped_lock lock(mutex_);
        std::byte* at = data_.bytes().data() + io.offset_blocks() * bdev().blocklen;
        if (io.type() == IoType::read || io.type() == IoType::write) {
            for (const iovec& piece : io.iovs()) {
                if (io.type() == IoType::read)
                    std::memcpy(piece.iov_base, at, piece.iov_len);
                else
                    std::memcpy(at, piece.iov_base, piece.iov_len);
                at += piece.iov_len;
            }
        } else if (io.type() != IoType::flush) {
            // The content after an unmap is undefined: it must not be taken for zeroes.
            const int left = io.type() == IoType::unmap ? unmapped_byte : 0;
            std::memset(at, left, io.num_blocks() * bdev().blocklen);
        }
        note_durability(io);
    }
    io.complete();
}

void CheckingBdev::note_durability(Io io) {
    if (io.type() == IoType::flush) {
        flushes++;
        at_risk = 0;
    } else if (changes_data(io.type()) && !io.has_flag(BDK_BDEV_IO_FUA)) {
        at_risk++;
    }
}

void CheckingBdev::complete_all(Channel& ch, std::vector<Io>& list) {
    for (Io io : std::exchange(list, {})) {
        if (ch.disk.fail)
            io.complete_errno(-EIO);
        else
            ch.disk.serve(ch, io);
    }
}

void CheckingBdev::abort(Channel& ch, Io io) {
    const Io target(io->u.abort.bio_to_abort);
    const bool found = std::erase(ch.held, target) + std::erase(ch.late, target) != 0;
    if (found) target.complete(IoStatus::aborted);
    io.complete(found ? IoStatus::success : IoStatus::failed);
}

void CheckingBdev::reset(Channel&, Io io) {
    for_each_channel(
        [](Channel& each) {
            for (std::vector<Io>* list : {&each.held, &each.late})
                for (Io waiting : std::exchange(*list, {}))
                    waiting.complete(IoStatus::aborted);
        },
        [io] { io.complete(); });
}

}  // namespace bdevkit::host

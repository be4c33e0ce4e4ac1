// SPDX-License-Identifier: BSD-3-Clause
#include "soak/soak_session.hpp"

#include <bdevkit/bdev_module.h>
#include <bdevkit/quiesce.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace bdk::test {

namespace {

constexpr size_t slack = 64;  ///< by which data may be misaligned

bool is_expected_refusal(int rc) {
    return rc == -EBADF || rc == -ENOTSUP || rc == -ENODEV || rc == -ENOMEM;
}

}  // namespace

SoakSession::SoakSession(Tower& tower, SoakRandom& random, SoakCounts& counts)
    : tower_(&tower), random_(random), counts_(counts), thread_(bdk_get_thread()) {}

SoakSession::~SoakSession() {
    EXPECT_TRUE(gone());
}

std::unique_ptr<SoakSession> SoakSession::open(Tower& tower, const std::string& bdev, SoakRandom& random,
                                               SoakCounts& counts) {
    std::unique_ptr<SoakSession> session(new SoakSession(tower, random, counts));
    const int rc = tower.open_as(random.one_in(2), [&](bool write) {
        session->write_ = write;
        return bdk_bdev_open(bdev.c_str(), write ? BDK_BDEV_OPEN_WRITE : 0, on_event, session.get(),
                             &session->desc_);
    });
    EXPECT_TRUE(rc == 0 || rc == -ENODEV || rc == -EPERM) << "open: " << rc;
    if (rc != 0) return nullptr;
    session->channel_ = bdk_bdev_get_io_channel(session->desc_);
    if (session->channel_ == nullptr) {  // a base has gone already
        session->close_now();
        return nullptr;
    }
    const size_t bytes = max_blocks * bdk_bdev_desc_get_block_size(session->desc_) + slack;
    for (Slot& slot : session->slots_) {
        slot.session = session.get();
        slot.memory.resize(bytes);
    }
    counts.opened++;
    return session;
}

void SoakSession::on_event(uint32_t type, bdk_bdev*, void* ctx) {
    auto* self = static_cast<SoakSession*>(ctx);
    if (type != BDK_BDEV_EVENT_REMOVE) return;
    EXPECT_FALSE(std::exchange(self->removed_, true)) << "told twice";
    EXPECT_EQ(bdk_get_thread(), self->thread_);
    self->counts_.removals_seen++;
    if (self->random_.one_in(2)) self->close();
}

/* ---- closing ---- */

void SoakSession::close() {
    closing_ = true;
    look();
}

void SoakSession::look() {
    if (removed_ && random_.one_in(8)) closing_ = true;
    if (closing_ && holds_ == 0 && desc_ != nullptr) close_now();
    // Whether I/O is in flight or not: the core keeps what it needs.
    const bool late = in_flight_ == 0 || random_.one_in(16);
    if (desc_ == nullptr && channel_ != nullptr && late) put_channel();
}

void SoakSession::close_now() {
    closed_desc_ = std::exchange(desc_, nullptr);
    bdk_bdev_close(closed_desc_);
}

void SoakSession::put_channel() {
    // A closed desc still answers on the channel.
    Slot* slot = free_slot();
    if (slot != nullptr) {
        EXPECT_EQ(bdk_bdev_flush_blocks(closed_desc_, channel_, 0, 1, nullptr, completed, slot), -ENODEV);
    }
    bdk_put_io_channel(std::exchange(channel_, nullptr));
}

/* ---- operations that hold the desc ---- */

void SoakSession::observe() {
    if (desc_ == nullptr || closing_ || holds_ != 0) return;
    bdk_bdev* bdev = bdk_bdev_desc_get_bdev(desc_);
    holds_++;
    if (random_.one_in(2)) {
        stat_.size = sizeof(stat_);
        auto done = [](bdk_bdev*, bdk_bdev_io_stat*, int rc, void* ctx) { unquiesced(rc, ctx); };
        return bdk_bdev_get_device_stat(bdev, &stat_, done, this);
    }
    quiesced_ = any_range();
    EXPECT_EQ(bdk_bdev_quiesce_range(bdev, bdev->module, quiesced_.offset, quiesced_.blocks, quiesced, this),
              0);
}

void SoakSession::quiesced(int rc, void* ctx) {
    auto* self = static_cast<SoakSession*>(ctx);
    EXPECT_EQ(rc, 0);
    bdk_bdev* bdev = bdk_bdev_desc_get_bdev(self->desc_);
    EXPECT_EQ(bdk_bdev_unquiesce_range(bdev, bdev->module, self->quiesced_.offset, self->quiesced_.blocks,
                                       unquiesced, self),
              0);
}

void SoakSession::unquiesced(int rc, void* ctx) {
    EXPECT_EQ(rc, 0);
    static_cast<SoakSession*>(ctx)->holds_--;
}

/* ---- I/O ---- */

SoakSession::Slot* SoakSession::free_slot() {
    const auto found =
        std::find_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return !slot.in_flight; });
    return found == slots_.end() ? nullptr : &*found;
}

SoakSession::Range SoakSession::any_range() {
    const uint64_t size = bdk_bdev_get_num_blocks(bdk_bdev_desc_get_bdev(desc_));
    const uint64_t blocks = 1 + random_.below(max_blocks);
    return {random_.below(size - blocks + 1), blocks};
}

/// Cuts the memory into pieces of any length, aligned or not.
void SoakSession::fill(Slot& slot, uint64_t bytes) {
    std::byte* at = slot.memory.data() + random_.one_of<size_t>({0, 0, 1, slack});
    slot.pieces = int32_t(1 + random_.below(max_pieces));
    uint64_t left = bytes;
    for (int32_t i = 0; i < slot.pieces; i++) {
        const uint64_t length = i + 1 == slot.pieces ? left : random_.below(left + 1);
        slot.iovs[size_t(i)] = {at, length};
        at += length;
        left -= length;
    }
}

void SoakSession::submit() {
    Slot* slot = free_slot();
    if (slot == nullptr || desc_ == nullptr) return;
    slot->in_flight = true;
    in_flight_++;
    count(*slot, start(*slot));
}

void SoakSession::count(Slot& slot, int rc) {
    if (rc == 0) {
        counts_.submitted++;
        return;
    }
    EXPECT_TRUE(is_expected_refusal(rc)) << "submission: " << rc;
    counts_.refused++;
    slot.in_flight = false;
    in_flight_--;
}

int SoakSession::start(Slot& slot) {
    const Range range = any_range();
    switch (random_.below(64)) {
        case 0:
            return random_.one_in(4) ? bdk_bdev_reset(desc_, channel_, nullptr, completed, &slot)
                                     : start_abort(slot);
        case 1:
        case 2:
            return start_abort(slot);
        case 3:
        case 4:
        case 5:
            return bdk_bdev_unmap_blocks(desc_, channel_, range.offset, range.blocks, nullptr, completed,
                                         &slot);
        case 6:
        case 7:
        case 8:
            return bdk_bdev_write_zeroes_blocks(desc_, channel_, range.offset, range.blocks, nullptr,
                                                completed, &slot);
        case 9:
        case 10:
        case 11:
            return bdk_bdev_flush_blocks(desc_, channel_, range.offset, range.blocks, nullptr, completed,
                                         &slot);
        case 12:
        case 13:
            return bdk_bdev_copy_blocks(desc_, channel_, any_range().offset % 1024, range.offset % 1024,
                                        range.blocks, nullptr, completed, &slot);
        case 14:
        case 15:
            return bdk_bdev_zcopy_start(desc_, channel_, range.offset, range.blocks, true, nullptr, completed,
                                        &slot);
        default:
            return start_data(slot, range);
    }
}

int SoakSession::start_data(Slot& slot, Range range) {
    const uint64_t offset = range.offset;
    const uint64_t kind = random_.below(8);
    const uint64_t most =
        kind == 2 ? bdk_bdev_get_max_compare_and_write(bdk_bdev_desc_get_bdev(desc_)) : max_blocks;
    const uint64_t blocks = std::min(range.blocks, most);
    fill(slot, blocks * bdk_bdev_desc_get_block_size(desc_));
    iovec* iovs = slot.iovs.data();
    switch (kind) {
        case 0:
            return bdk_bdev_read_blocks(desc_, channel_, nullptr, offset, blocks, nullptr, completed, &slot);
        case 1:
            return bdk_bdev_comparev_blocks(desc_, channel_, iovs, slot.pieces, offset, blocks, nullptr,
                                            completed, &slot);
        case 2:
            return bdk_bdev_comparev_and_writev_blocks(desc_, channel_, iovs, slot.pieces, iovs, slot.pieces,
                                                       offset, blocks, nullptr, completed, &slot);
        case 3:
        case 4:
            return bdk_bdev_writev_blocks(desc_, channel_, iovs, slot.pieces, offset, blocks, nullptr,
                                          completed, &slot);
        default:
            return bdk_bdev_readv_blocks(desc_, channel_, iovs, slot.pieces, offset, blocks, nullptr,
                                         completed, &slot);
    }
}

/// One of ours, or all.
int SoakSession::start_abort(Slot& slot) {
    Slot& target = slots_[random_.below(slots_.size())];
    void* wanted = random_.one_in(8) || &target == &slot ? nullptr : &target;
    return bdk_bdev_abort(desc_, channel_, wanted, nullptr, completed, &slot);
}

void SoakSession::completed(bdk_bdev_io* io, bool success, void* arg) {
    auto& slot = *static_cast<Slot*>(arg);
    SoakSession& self = *slot.session;
    EXPECT_TRUE(slot.in_flight) << "completed twice, or without a submission";
    EXPECT_EQ(bdk_get_thread(), self.thread_);
    EXPECT_EQ(success, bdk_bdev_io_get_status(io) == BDK_BDEV_IO_STATUS_SUCCESS);
    self.counts_.completed++;
    self.counts_.succeeded += success ? 1 : 0;
    const bool lent =
        success && io->type == BDK_BDEV_IO_TYPE_ZCOPY && (io->u.bdev.flags & BDK_BDEV_IO_ZCOPY_START);
    if (lent &&
        bdk_bdev_zcopy_end(io, self.write_ && self.random_.one_in(2), nullptr, completed, &slot) == 0) {
        self.counts_.submitted++;
        return;
    }
    bdk_bdev_free_io(io);
    slot.in_flight = false;
    self.in_flight_--;
    if (!self.closing_ && self.random_.one_in(2)) self.submit();
}

}  // namespace bdk::test

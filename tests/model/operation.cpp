// SPDX-License-Identifier: BSD-3-Clause
#include "model/operation.hpp"

#include <bdevkit/bdev.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "model/worker.hpp"

namespace bdk::test {

namespace {

struct Choice {
    Kind kind;
    uint32_t weight;
    uint32_t type;
};
// Out of 1000.
constexpr std::array choices = {
    Choice{Kind::read, 220, BDK_BDEV_IO_TYPE_READ},
    Choice{Kind::read_host_buffer, 60, BDK_BDEV_IO_TYPE_READ},
    Choice{Kind::write, 290, BDK_BDEV_IO_TYPE_WRITE},
    Choice{Kind::write_zeroes, 70, BDK_BDEV_IO_TYPE_WRITE_ZEROES},
    Choice{Kind::unmap, 50, BDK_BDEV_IO_TYPE_UNMAP},
    Choice{Kind::copy, 90, BDK_BDEV_IO_TYPE_COPY},
    Choice{Kind::compare, 70, BDK_BDEV_IO_TYPE_COMPARE},
    Choice{Kind::compare_and_write, 70, BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE},
    Choice{Kind::zcopy, 40, BDK_BDEV_IO_TYPE_ZCOPY},
    Choice{Kind::flush, 30, BDK_BDEV_IO_TYPE_FLUSH},
    Choice{Kind::reset, 1, BDK_BDEV_IO_TYPE_RESET},
    Choice{Kind::abort_one, 8, BDK_BDEV_IO_TYPE_ABORT},
    Choice{Kind::abort_all, 1, BDK_BDEV_IO_TYPE_ABORT},
};

std::span<std::byte> block_of(std::vector<std::byte>& bytes, uint64_t index, uint32_t block_size) {
    return std::span(bytes).subspan(index * block_size, block_size);
}

}  // namespace

const char* name_of(Kind kind) {
    constexpr std::array names = {"read",     "read into a buffer of the host's",
                                  "write",    "write zeroes",
                                  "unmap",    "copy",
                                  "compare",  "compare and write",
                                  "zcopy",    "flush",
                                  "reset",    "abort",
                                  "abort all"};
    return names.at(size_t(kind));
}

bool Operation::changes() const {
    return kind_ == Kind::write || kind_ == Kind::write_zeroes || kind_ == Kind::unmap ||
           kind_ == Kind::copy || kind_ == Kind::compare_and_write || kind_ == Kind::zcopy;
}

void Operation::start() {
    if (!choose()) return;
    if (!is_control()) {
        if (!choose_range() || !claim()) return;
        prepare();
    }
    busy_ = true;
    submit();
}

bool Operation::choose() {
    Random& random = worker_.random();
    uint64_t drawn = random.below(1000);
    const auto choice = std::find_if(choices.begin(), choices.end(), [&](const Choice& each) {
        if (drawn < each.weight) return true;
        drawn -= each.weight;
        return false;
    });
    if (choice == choices.end() || !worker_.supports(choice->type)) return false;
    kind_ = choice->kind;
    const bool reads = kind_ == Kind::read || kind_ == Kind::read_host_buffer;
    on_side_ = reads && worker_.has_beside() && random.chance(30);
    mismatch_ = random.chance(25);
    simple_call_ = random.chance(30);
    commits_ = random.chance(70);
    zcopy_ending_ = false;
    flags_ = random.chance(20) ? BDK_BDEV_IO_FUA : 0;
    if (kind_ == Kind::write_zeroes && random.chance(30)) flags_ |= BDK_BDEV_IO_NO_UNMAP;
    target_ = worker_.any_operation();
    return true;
}

bool Operation::choose_range() {
    Random& random = worker_.random();
    const uint64_t unit = changes() ? worker_.run().write_unit : 1;
    const uint64_t size = worker_.model().size() / unit;
    const bool has_data = kind_ != Kind::write_zeroes && kind_ != Kind::unmap;
    uint64_t limit = worker_.max_bytes() / worker_.block_size() / unit;
    if (kind_ == Kind::compare_and_write)
        limit = std::min(limit, bdk_bdev_get_max_compare_and_write(worker_.bdev()) / unit);
    if (!has_data) limit = random.chance(5) ? size / 2 : 4 * limit;
    const uint64_t count = std::min(random.mostly_small(std::max<uint64_t>(limit, 1)), size / 2);
    range_ = {random.below(size - count + 1) * unit, count * unit};
    if (kind_ != Kind::copy) return true;
    source_ = {random.below(size - count + 1) * unit, range_.count};
    if (random.chance(30)) {  // beside or over the target
        const uint64_t near = range_.offset / unit + random.below(2 * count + 1);
        source_.offset = std::min(near < count ? 0 : near - count, size - count) * unit;
    }
    return true;
}

/// An overlapping copy has one claim, of everything between: `source_` then lies within the claimed range.
bool Operation::claim() {
    BlockModel& model = worker_.model();
    claimed_ = model.claim(range_, changes());
    if (!claimed_ || kind_ != Kind::copy) return claimed_;
    const uint64_t from = source_.offset, to = range_.offset, count = range_.count;
    const bool overlap = from < to + count && to < from + count;
    const BlockRange rest = !overlap    ? source_
                            : from < to ? BlockRange{from, to - from}
                                        : BlockRange{to + count, from - to};
    claimed_ = model.claim(rest, false);
    if (!claimed_) model.release(range_, true);
    return claimed_;
}

void Operation::release() {
    if (!std::exchange(claimed_, false)) return;
    BlockModel& model = worker_.model();
    if (kind_ == Kind::copy) {
        const uint64_t from = source_.offset, to = range_.offset, count = range_.count;
        const bool overlap = from < to + count && to < from + count;
        model.release(!overlap    ? source_
                      : from < to ? BlockRange{from, to - from}
                                  : BlockRange{to + count, from - to},
                      false);
    }
    model.release(range_, changes());
}

/// Fills the buffer with the present or the future content of the blocks.
void Operation::put_blocks(ScatteredBuffer& into, bool is_new) {
    const uint32_t block_size = worker_.block_size();
    std::vector<std::byte>& bytes = worker_.scratch(range_.count * block_size);
    for (uint64_t i = 0; i < range_.count; i++)
        fill(block_of(bytes, i, block_size), is_new ? stamp_ + i : worker_.model().at(range_.offset + i));
    if (mismatch_ && !is_new) bytes[worker_.random().below(bytes.size())] ^= std::byte{1};
    into.put(bytes);
}

void Operation::prepare() {
    Random& random = worker_.random();
    const bool compares = kind_ == Kind::compare || kind_ == Kind::compare_and_write;
    if (compares && !worker_.model().is_defined(range_))
        kind_ = kind_ == Kind::compare ? Kind::read : Kind::write;
    if (changes()) stamp_ = worker_.new_stamps(range_.count);
    const bool has_buffer = kind_ == Kind::read || kind_ == Kind::write || kind_ == Kind::compare ||
                            kind_ == Kind::compare_and_write;
    if (!has_buffer) return;
    const bool can_be_simple = kind_ == Kind::read || kind_ == Kind::write;
    simple_call_ = simple_call_ && can_be_simple;
    const size_t bytes = range_.count * worker_.block_size();
    data_.lay_out(random, bytes, simple_call_ ? 1 : 64);
    if (kind_ == Kind::compare_and_write) {
        fused_.lay_out(random, bytes, 64);
        put_blocks(fused_, true);
    }
    if (kind_ != Kind::read) put_blocks(data_, kind_ == Kind::write);
}

void Operation::submit() {
    const int rc = try_submit();
    if (rc == 0) return;
    if (rc == -ENOMEM) {
        wait_.bdev = bdk_bdev_desc_get_bdev(worker_.desc(on_side_));
        wait_.cb = [](void* arg) { static_cast<Operation*>(arg)->submit(); };
        wait_.cb_arg = this;
        if (bdk_bdev_queue_io_wait(wait_.bdev, worker_.channel(on_side_), &wait_) == 0) return;
        worker_.run().fail("no place to wait for a bdev_io: " + describe());
    } else {
        worker_.run().fail(describe() + " is refused: " + std::to_string(rc));
    }
    release();
    busy_ = false;
}

int Operation::try_submit() {
    bdk_bdev_desc* desc = worker_.desc(on_side_);
    bdk_io_channel* ch = worker_.channel(on_side_);
    const auto [offset, count] = range_;
    iovec* iovs = data_.iovs();
    const int32_t iovcnt = data_.count();
    bdk_bdev_io_opts opts{};
    opts.size = sizeof(opts);
    opts.flags = flags_;
    switch (kind_) {
        case Kind::read:
            if (simple_call_)
                return bdk_bdev_read_blocks(desc, ch, iovs->iov_base, offset, count, nullptr, completed,
                                            this);
            return bdk_bdev_readv_blocks(desc, ch, iovs, iovcnt, offset, count, nullptr, completed, this);
        case Kind::read_host_buffer:
            return bdk_bdev_read_blocks(desc, ch, nullptr, offset, count, nullptr, completed, this);
        case Kind::write:
            if (simple_call_)
                return bdk_bdev_write_blocks(desc, ch, iovs->iov_base, offset, count, nullptr, completed,
                                             this);
            return bdk_bdev_writev_blocks(desc, ch, iovs, iovcnt, offset, count, &opts, completed, this);
        case Kind::write_zeroes:
            return bdk_bdev_write_zeroes_blocks(desc, ch, offset, count, &opts, completed, this);
        case Kind::unmap:
            return bdk_bdev_unmap_blocks(desc, ch, offset, count, nullptr, completed, this);
        case Kind::copy:
            return bdk_bdev_copy_blocks(desc, ch, offset, source_.offset, count, nullptr, completed, this);
        case Kind::compare:
            return bdk_bdev_comparev_blocks(desc, ch, iovs, iovcnt, offset, count, nullptr, completed, this);
        case Kind::compare_and_write:
            return bdk_bdev_comparev_and_writev_blocks(desc, ch, iovs, iovcnt, fused_.iovs(), fused_.count(),
                                                       offset, count, nullptr, completed, this);
        case Kind::zcopy:
            return bdk_bdev_zcopy_start(desc, ch, offset, count, mismatch_, nullptr, completed, this);
        case Kind::flush:
            return bdk_bdev_flush_blocks(desc, ch, 0, worker_.model().size(), nullptr, completed, this);
        case Kind::reset:
            return bdk_bdev_reset(desc, ch, nullptr, completed, this);
        case Kind::abort_one:
            return bdk_bdev_abort(desc, ch, target_, nullptr, completed, this);
        case Kind::abort_all:
            return bdk_bdev_abort(desc, ch, nullptr, nullptr, completed, this);
    }
    return -EINVAL;
}

void Operation::completed(bdk_bdev_io* io, bool, void* arg) {
    static_cast<Operation*>(arg)->ended(io);
}

void Operation::ended(bdk_bdev_io* io) {
    if (!busy_) return worker_.run().fail("a second completion: " + describe());
    if (kind_ == Kind::zcopy && go_on_with_zcopy(io)) return;
    settle(bdk_bdev_io_get_status(io), io);
    bdk_bdev_free_io(io);
    release();
    busy_ = false;
    worker_.run().operations.fetch_add(1, std::memory_order_relaxed);
    // Some start the next one here, others leave it to the worker's poller.
    if (!worker_.run().stopping && worker_.random().chance(50)) start();
}

/// Uses the buffer of a zcopy that has started, and ends it. False if the operation is over.
bool Operation::go_on_with_zcopy(bdk_bdev_io* io) {
    if (zcopy_ending_ || bdk_bdev_io_get_status(io) != BDK_BDEV_IO_STATUS_SUCCESS) return false;
    iovec* iovs = nullptr;
    int32_t count = 0;
    bdk_bdev_io_get_iovec(io, &iovs, &count);
    if (mismatch_) check_buffer(iovs, count);  // it was to be populated
    if (commits_) {
        const uint32_t block_size = worker_.block_size();
        std::vector<std::byte>& bytes = worker_.scratch(range_.count * block_size);
        for (uint64_t i = 0; i < range_.count; i++)
            fill(block_of(bytes, i, block_size), stamp_ + i);
        size_t done = 0;
        for (int32_t i = 0; i < count; done += iovs[i].iov_len, i++)
            std::copy_n(bytes.begin() + ptrdiff_t(done), iovs[i].iov_len,
                        static_cast<std::byte*>(iovs[i].iov_base));
    }
    zcopy_ending_ = true;
    const int rc = bdk_bdev_zcopy_end(io, commits_, nullptr, completed, this);
    if (rc != 0) worker_.run().fail(describe() + ": its end is refused: " + std::to_string(rc));
    return rc == 0;
}

void Operation::settle(int32_t status, const bdk_bdev_io* io) {
    Run& run = worker_.run();
    const bool compares = kind_ == Kind::compare || kind_ == Kind::compare_and_write;
    const bool controls = kind_ == Kind::abort_one || kind_ == Kind::abort_all;
    // A reset or an abort of any worker may end an I/O at any time.
    if (status == BDK_BDEV_IO_STATUS_ABORTED) {
        for (uint64_t i = 0; changes() && i < range_.count; i++)
            worker_.model().set(range_.offset + i, undefined);
        return;
    }
    if (controls) return;  // their target may have ended before
    const int32_t expected =
        compares && mismatch_ ? BDK_BDEV_IO_STATUS_MISCOMPARE : BDK_BDEV_IO_STATUS_SUCCESS;
    if (status != expected) {
        uint32_t cdw0 = 0, sct = 0, sc = 0;
        bdk_bdev_io_get_nvme_status(io, &cdw0, &sct, &sc);
        return run.fail(describe() + " ends with status " + std::to_string(status) + " (NVMe " +
                        std::to_string(sct) + ", " + std::to_string(sc) + "), not " +
                        std::to_string(expected));
    }
    if (status == BDK_BDEV_IO_STATUS_SUCCESS) settle_success(io);
    const bool has_buffer = kind_ == Kind::read || kind_ == Kind::write || compares;
    if (has_buffer && !data_.are_gaps_untouched()) run.fail(describe() + " has written beside the buffers");
}

void Operation::settle_success(const bdk_bdev_io* io) {
    BlockModel& model = worker_.model();
    if (kind_ == Kind::read) return check_buffer(data_.iovs(), data_.count());
    if (kind_ == Kind::read_host_buffer) {
        iovec* iovs = nullptr;
        int32_t count = 0;
        bdk_bdev_io_get_iovec(io, &iovs, &count);
        return check_buffer(iovs, count);
    }
    if (kind_ == Kind::zcopy && !commits_) return;
    std::vector<Stamp> stamps(range_.count);
    for (uint64_t i = 0; i < range_.count; i++) {
        stamps[i] = stamp_ + i;
        if (kind_ == Kind::write_zeroes) stamps[i] = zeroes;
        if (kind_ == Kind::unmap) stamps[i] = undefined;
        if (kind_ == Kind::copy) stamps[i] = model.at(source_.offset + i);
    }
    for (uint64_t i = 0; changes() && i < range_.count; i++)
        model.set(range_.offset + i, stamps[i]);
    if (kind_ == Kind::write) check_buffer(data_.iovs(), data_.count());  // it is the client's still
}

/// True if the buffers hold the data that the model has for the blocks.
void Operation::check_buffer(const iovec* iovs, int32_t count) {
    const uint32_t block_size = worker_.block_size();
    std::vector<std::byte>& bytes = worker_.scratch(0);
    for (int32_t i = 0; i < count; i++) {
        const auto* from = static_cast<const std::byte*>(iovs[i].iov_base);
        if (iovs[i].iov_len != 0) bytes.insert(bytes.end(), from, from + iovs[i].iov_len);
    }
    if (bytes.size() != range_.count * block_size)
        return worker_.run().fail(describe() + ": " + std::to_string(bytes.size()) + " bytes in the buffers");
    for (uint64_t i = 0; i < range_.count; i++) {
        const Stamp stamp = worker_.model().at(range_.offset + i);
        if (stamp == undefined || matches(block_of(bytes, i, block_size), stamp)) continue;
        return worker_.run().fail(describe() + ": block " + std::to_string(range_.offset + i) + " is wrong");
    }
}

std::string Operation::describe() const {
    if (is_control()) return name_of(kind_);
    std::string text = std::string(name_of(kind_)) + " of " + std::to_string(range_.count) + " blocks at " +
                       std::to_string(range_.offset);
    if (kind_ == Kind::copy) text += " from " + std::to_string(source_.offset);
    if (on_side_) text += " beside";
    if (kind_ == Kind::zcopy && zcopy_ending_) text += " (its end)";
    return text;
}

}  // namespace bdk::test

// SPDX-License-Identifier: BSD-3-Clause
#include "perf/perf_job.hpp"

#include <bdevkit/memory.h>
#include <bdevkit/thread.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace bdevkit::host {

namespace {

using Op = PerfOperation;

/// Above this rate of one job, one I/O in 32 is timed: a reading of the clock costs as much as a fast I/O.
constexpr uint64_t timed_ios_per_second = 1'000'000;
constexpr uint64_t sample_mask = 31;
constexpr uint64_t housekeeping_us = 10'000;
constexpr uint64_t pace_us = 100;
constexpr uint64_t instant_block_size = 512;

std::string errno_name(int rc) {
    return std::generic_category().message(-rc);
}

/// The status in words, with the codes of an NVMe status.
std::string status_of(const bdk_bdev_io* io) {
    const int32_t status = bdk_bdev_io_get_status(io);
    std::string text = bdk_bdev_io_status_name(status);
    if (status != BDK_BDEV_IO_STATUS_NVME_ERROR) return text;
    uint32_t sct = 0, sc = 0;
    bdk_bdev_io_get_nvme_status(io, nullptr, &sct, &sc);
    return fmt::format("{} (sct {}, sc 0x{:02x})", text, sct, sc);
}

/// The data that a slot writes: different at every place and in every round.
void fill(std::byte* to, uint64_t bytes, uint64_t block, uint64_t round) {
    uint64_t word = (block + 1) * 0x9e3779b97f4a7c15ull ^ round * 0xc2b2ae3d27d4eb4full;
    for (uint64_t at = 0; at + sizeof(word) <= bytes; at += sizeof(word), word += 0x632be59bd9b4e019ull)
        std::memcpy(to + at, &word, sizeof(word));
}

bool in_pairs(Op operation) {
    return operation == Op::verify || operation == Op::compare;
}

uint32_t io_type(Op operation) {
    switch (operation) {
        case Op::read:
            return BDK_BDEV_IO_TYPE_READ;
        case Op::write:
        case Op::verify:
            return BDK_BDEV_IO_TYPE_WRITE;
        case Op::unmap:
            return BDK_BDEV_IO_TYPE_UNMAP;
        case Op::flush:
            return BDK_BDEV_IO_TYPE_FLUSH;
        case Op::write_zeroes:
            return BDK_BDEV_IO_TYPE_WRITE_ZEROES;
        case Op::reset:
            return BDK_BDEV_IO_TYPE_RESET;
        case Op::compare:
            return BDK_BDEV_IO_TYPE_COMPARE;
        case Op::copy:
            return BDK_BDEV_IO_TYPE_COPY;
    }
    return BDK_BDEV_IO_TYPE_INVALID;
}

}  // namespace

/// One of the I/Os that the job keeps in flight.
struct alignas(64) PerfJob::Slot {
    PerfJob* job;
    std::byte* buf;
    uint64_t start;  ///< ticks; 0: not timed
    uint64_t block;
    std::byte* expected;  ///< verify and compare: what was written
    uint64_t round;       ///< verify and compare: even writes, odd checks
    uint64_t place;       ///< verify and compare: reserved for this slot
    iovec iov;
    bdk_bdev_io_wait_entry wait;
};

PerfJob::PerfJob(const PerfOptions& options, PerfShare share) : options_(options), share_(std::move(share)) {
    if (options.count != 0) {
        limit_ = options.count / share_.all_jobs;
        if (share_.number < options.count % share_.all_jobs) ++limit_;
    }
    if (options.rate != 0) {
        const auto of_this_job = static_cast<double>(options.rate) / share_.all_jobs;
        pace_per_tick_ = of_this_job / static_cast<double>(bdk_get_ticks_hz());
    }
}

PerfJob::~PerfJob() {
    bdk_dma_free(memory_);
}

/* ---- opening and closing ---- */

tl::expected<void, std::string> PerfJob::open() {
    if (share_.bdev.empty()) {
        first_block_ = 0;
        io_blocks_ = std::max<uint64_t>(options_.io_size / instant_block_size, 1);
        range_slots_ = uint64_t{1} << 21;
        return make_slots(64);
    }
    const auto on_event = [](uint32_t type, bdk_bdev*, void* self) {
        if (type != BDK_BDEV_EVENT_REMOVE) return;
        auto* job = static_cast<PerfJob*>(self);
        job->result_.errors++;
        job->result_.first_error = "the bdev was removed";
        job->stop();
    };
    const int rc = bdk_bdev_open(share_.bdev.c_str(), perf_writes(options_.mix) ? BDK_BDEV_OPEN_WRITE : 0,
                                 on_event, this, &desc_);
    if (rc == -EPERM)
        return tl::unexpected(
            fmt::format("bdev '{}' is claimed by the bdev on top of it: write to that bdev", share_.bdev));
    if (rc != 0) return tl::unexpected(fmt::format("bdev '{}': {}", share_.bdev, errno_name(rc)));
    const bdk_bdev* bdev = bdk_bdev_desc_get_bdev(desc_);
    return check_types(bdev)
        .and_then([&] { return plan(bdev); })
        .and_then([&] { return make_slots(bdk_bdev_get_buf_align(bdev)); })
        .and_then([&]() -> tl::expected<void, std::string> {
            ch_ = bdk_bdev_get_io_channel(desc_);
            if (ch_ != nullptr) return {};
            return tl::unexpected(fmt::format("bdev '{}' gives no channel: see the log", share_.bdev));
        });
}

tl::expected<void, std::string> PerfJob::check_types(const bdk_bdev* bdev) const {
    std::vector<uint32_t> types = {io_type(options_.mix.operation)};
    if (options_.mix.mixed || options_.mix.operation == Op::compare) types.push_back(BDK_BDEV_IO_TYPE_WRITE);
    if (options_.mix.operation == Op::verify) types.push_back(BDK_BDEV_IO_TYPE_READ);
    for (const uint32_t type : types)
        if (!bdk_bdev_io_type_supported(bdev, type))
            return tl::unexpected(
                fmt::format("bdev '{}' does not support {}", share_.bdev, bdk_bdev_io_type_name(type)));
    return {};
}

/// Sets the range and the size of an I/O, in blocks.
tl::expected<void, std::string> PerfJob::plan(const bdk_bdev* bdev) {
    const uint64_t block = bdk_bdev_get_block_size(bdev);
    const uint64_t size = bdk_bdev_get_num_blocks(bdev) * block;
    if (options_.io_size % block != 0)
        return tl::unexpected(fmt::format("--io-size {} is not a multiple of the block size {} of '{}'",
                                          options_.io_size, block, share_.bdev));
    if (options_.offset % block != 0 || options_.offset >= size)
        return tl::unexpected(
            fmt::format("--offset {}: expected a multiple of the block size {} below the size {} of '{}'",
                        options_.offset, block, size, share_.bdev));
    if (options_.length > size - options_.offset)
        return tl::unexpected(fmt::format("--length {}: '{}' has {} bytes from offset {} on", options_.length,
                                          share_.bdev, size - options_.offset, options_.offset));
    const uint64_t length = options_.length != 0 ? options_.length : size - options_.offset;
    io_blocks_ = options_.io_size / block;
    first_block_ = options_.offset / block;
    range_slots_ = length / options_.io_size;
    if (range_slots_ == 0)
        return tl::unexpected(fmt::format("'{}': {} bytes are too few for an I/O of {}", share_.bdev, length,
                                          options_.io_size));
    const uint64_t in_flight = uint64_t{options_.depth} * share_.jobs;
    if (in_pairs(options_.mix.operation) && range_slots_ < in_flight)
        return tl::unexpected(
            fmt::format("'{}': {} I/Os of {} bytes at different places do not fit into {} bytes: lower "
                        "--depth or --io-size",
                        share_.bdev, in_flight, options_.io_size, length));
    return {};
}

tl::expected<void, std::string> PerfJob::make_slots(size_t alignment) {
    const bool pairs = in_pairs(options_.mix.operation);
    const uint64_t first = range_slots_ / share_.jobs * share_.index;
    offsets_ = std::make_unique<PerfOffsets>(range_slots_, options_.mix.random, options_.theta,
                                             options_.seed + share_.number, first);
    const uint64_t stride = (options_.io_size + alignment - 1) / alignment * alignment;
    memory_ = bdk_dma_zmalloc(stride * options_.depth * (pairs ? 2 : 1), alignment, BDK_NUMA_ANY);
    if (memory_ == nullptr)
        return tl::unexpected(fmt::format("no memory for {} buffers of {} bytes", options_.depth, stride));
    slots_.resize(options_.depth);
    auto* buf = static_cast<std::byte*>(memory_);
    for (uint32_t i = 0; i < options_.depth; ++i, buf += stride) {
        slots_[i].job = this;
        slots_[i].buf = buf;
        slots_[i].place = uint64_t{share_.index} * options_.depth + i;
        if (pairs)
            slots_[i].expected = buf + stride * options_.depth;
        else
            fill(buf, options_.io_size, i, 0);
    }
    return {};
}

void PerfJob::close() {
    bdk_poller_unregister(&housekeeping_);
    bdk_poller_unregister(&instant_);
    if (ch_ != nullptr) bdk_put_io_channel(std::exchange(ch_, nullptr));
    if (desc_ != nullptr) bdk_bdev_close(std::exchange(desc_, nullptr));
}

/* ---- running ---- */

void PerfJob::go(std::function<void()> on_end) {
    if (stopping_) return on_end();  // the bdev was removed before the start
    on_end_ = std::move(on_end);
    running_ = true;
    housekeeping_ = bdk_poller_register(
        [](void* self) {
            static_cast<PerfJob*>(self)->keep_house();
            return BDK_POLLER_IDLE;
        },
        this, pace_per_tick_ != 0 ? pace_us : housekeeping_us, "perf_housekeeping");
    if (share_.bdev.empty())
        instant_ = bdk_poller_register(
            [](void* self) {
                return static_cast<PerfJob*>(self)->complete_instantly() ? BDK_POLLER_BUSY : BDK_POLLER_IDLE;
            },
            this, 0, "perf_instant_device");
    plain_ = plain_kind();
    begin_ = bdk_get_ticks();
    for (Slot& slot : slots_)
        issue(slot);
    end_if_idle();
}

void PerfJob::stop() {
    if (stopping_) return;
    stopping_ = true;
    limit_ = issued_;
    if (!running_) return close();
    result_.ticks = bdk_get_ticks() - begin_;
    result_.ios = ios();
    outstanding_ -= paced_.size();
    paced_.clear();
    end_if_idle();
}

void PerfJob::end_if_idle() {
    if (outstanding_ != 0 || !running_) return;
    stop();  // a job that has reached its count ends by itself
    if (!running_) return;
    running_ = false;
    result_.late = ios() - result_.ios;
    result_.bytes = result_.ios * options_.io_size;
    close();
    on_end_();
}

/// Starts the slot's next I/O, at its time.
void PerfJob::issue(Slot& slot) {
    if (issued_ >= limit_) return;
    ++outstanding_;
    if (pace_per_tick_ != 0) [[unlikely]] {
        const double due = static_cast<double>(bdk_get_ticks() - begin_) * pace_per_tick_;
        if (static_cast<double>(issued_) >= due) {
            paced_.push_back(&slot);
            return;
        }
    }
    resubmit(slot);
}

void PerfJob::resubmit(Slot& slot) {
    const bool timed = (issued_++ & time_mask_) == 0;
    slot.start = timed ? bdk_get_ticks() : 0;
    if (const int rc = submit(slot); rc != 0) [[unlikely]]
        refused(slot, rc);
}

void PerfJob::refused(Slot& slot, int rc) {
    if (rc == -ENOMEM) {
        const auto again = [](void* arg) {
            auto& waiting = *static_cast<Slot*>(arg);
            --waiting.job->issued_;
            waiting.job->resubmit(waiting);
        };
        slot.wait = {bdk_bdev_desc_get_bdev(desc_), again, &slot, {}};
        if (bdk_bdev_queue_io_wait(slot.wait.bdev, ch_, &slot.wait) == 0) return;
    }
    note_error(fmt::format("submission: {}", errno_name(rc)));
    --outstanding_;
    stop();
}

PerfJob::Plain PerfJob::plain_kind() const {
    if (pace_per_tick_ != 0) return Plain::no;
    if (instant_ != nullptr) return Plain::instant;
    if (options_.mix.mixed) return Plain::no;
    if (options_.mix.operation == Op::read) return Plain::read;
    return options_.mix.operation == Op::write ? Plain::write : Plain::no;
}

/// finish() and issue() in one, for a successful I/O of a plain job.
inline void PerfJob::go_on(Slot& slot) {
    if (slot.start != 0) [[unlikely]]
        note_latency(slot);
    ios_.store(ios_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    if (issued_ >= limit_) [[unlikely]] {
        --outstanding_;
        return end_if_idle();
    }
    const bool timed = (issued_++ & time_mask_) == 0;
    slot.start = timed ? bdk_get_ticks() : 0;
    if (const int rc = submit_plain(slot); rc != 0) [[unlikely]]
        refused(slot, rc);
}

inline int PerfJob::submit_plain(Slot& slot) {
    slot.block = first_block_ + offsets_->next() * io_blocks_;
    if (plain_ == Plain::read) [[likely]]
        return bdk_bdev_read_blocks(desc_, ch_, slot.buf, slot.block, io_blocks_, nullptr, completed, &slot);
    if (plain_ == Plain::write)
        return bdk_bdev_write_blocks(desc_, ch_, slot.buf, slot.block, io_blocks_, nullptr, completed, &slot);
    return submit_instantly(slot);
}

[[gnu::noinline]] int PerfJob::submit_instantly(Slot& slot) {
    instant_queue_.push_back(&slot);
    return 0;
}

int PerfJob::submit(Slot& slot) {
    if (plain_ != Plain::no) return submit_plain(slot);
    if (instant_ != nullptr) {
        slot.block = offsets_->next() * io_blocks_;
        return submit_instantly(slot);
    }
    const PerfMix& mix = options_.mix;
    if (mix.mixed) {
        const bool read = offsets_->random().below(100) < mix.read_percent;
        return submit_read_or_write(slot, read);
    }
    switch (mix.operation) {
        case Op::read:
            return submit_read_or_write(slot, true);
        case Op::write:
            return submit_read_or_write(slot, false);
        case Op::verify:
        case Op::compare:
            return submit_pair(slot);
        default:
            break;
    }
    slot.block = first_block_ + offsets_->next() * io_blocks_;
    switch (mix.operation) {
        case Op::unmap:
            return bdk_bdev_unmap_blocks(desc_, ch_, slot.block, io_blocks_, nullptr, completed, &slot);
        case Op::write_zeroes:
            return bdk_bdev_write_zeroes_blocks(desc_, ch_, slot.block, io_blocks_, nullptr, completed,
                                                &slot);
        case Op::copy:
            return bdk_bdev_copy_blocks(desc_, ch_, slot.block, first_block_ + offsets_->next() * io_blocks_,
                                        io_blocks_, nullptr, completed, &slot);
        case Op::flush:
            return bdk_bdev_flush_blocks(desc_, ch_, slot.block, io_blocks_, nullptr, completed, &slot);
        default:
            return bdk_bdev_reset(desc_, ch_, nullptr, completed, &slot);
    }
}

int PerfJob::submit_read_or_write(Slot& slot, bool read) {
    slot.block = first_block_ + offsets_->next() * io_blocks_;
    return read
               ? bdk_bdev_read_blocks(desc_, ch_, slot.buf, slot.block, io_blocks_, nullptr, completed, &slot)
               : bdk_bdev_write_blocks(desc_, ch_, slot.buf, slot.block, io_blocks_, nullptr, completed,
                                       &slot);
}

/// Verify and compare: a write, then a check of the written data.
int PerfJob::submit_pair(Slot& slot) {
    if (slot.round % 2 == 0) {
        // Each slot owns every n-th place.
        const uint64_t stride = uint64_t{options_.depth} * share_.jobs;
        const uint64_t places = (range_slots_ - slot.place - 1) / stride + 1;
        slot.block = first_block_ + (slot.place + offsets_->random().below(places) * stride) * io_blocks_;
        fill(slot.expected, options_.io_size, slot.block, slot.round + options_.seed);
        return bdk_bdev_write_blocks(desc_, ch_, slot.expected, slot.block, io_blocks_, nullptr, completed,
                                     &slot);
    }
    if (options_.mix.operation == Op::verify)
        return bdk_bdev_read_blocks(desc_, ch_, slot.buf, slot.block, io_blocks_, nullptr, completed, &slot);
    slot.iov = {slot.expected, options_.io_size};
    return bdk_bdev_comparev_blocks(desc_, ch_, &slot.iov, 1, slot.block, io_blocks_, nullptr, completed,
                                    &slot);
}

/* ---- completions ---- */

void PerfJob::completed(bdk_bdev_io* io, bool success, void* arg) {
    auto& slot = *static_cast<Slot*>(arg);
    PerfJob& job = *slot.job;
    if (success) [[likely]] {
        bdk_bdev_free_io(io);
        if (job.plain_ != Plain::no) [[likely]]
            return job.go_on(slot);
    }
    job.finish(slot, success, success ? nullptr : io);
}

[[gnu::noinline]] void PerfJob::note_latency(const Slot& slot) {
    result_.latency.add(bdk_get_ticks() - slot.start);
}

void PerfJob::finish(Slot& slot, bool success, bdk_bdev_io* io) {
    if (slot.start != 0) note_latency(slot);
    --outstanding_;
    if (success && slot.expected != nullptr) success = check_pair(slot);
    if (success) [[likely]] {
        ios_.store(ios_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    } else {
        if (io != nullptr) {
            note_error(fmt::format("{} at block {}: {}", bdk_bdev_io_type_name(io->type), slot.block,
                                   status_of(io)));
            bdk_bdev_free_io(io);
        }
        slot.round += slot.round % 2;
        if (!options_.keep_going) stop();
    }
    issue(slot);
    if (outstanding_ == 0) [[unlikely]]
        end_if_idle();
}

/// Continues with the other half of the pair. False if the data read differ from the data written.
bool PerfJob::check_pair(Slot& slot) {
    const bool compares = slot.round % 2 == 1 && options_.mix.operation == Op::verify;
    if (compares && std::memcmp(slot.buf, slot.expected, options_.io_size) != 0) {
        note_error(fmt::format("verify: the data read at block {} differ from the data written", slot.block));
        return false;
    }
    ++slot.round;
    return true;
}

void PerfJob::note_error(const std::string& what) {
    if (result_.errors++ == 0) result_.first_error = fmt::format("bdev '{}': {}", share_.bdev, what);
}

/* ---- pollers ---- */

void PerfJob::keep_house() {
    if (pace_per_tick_ != 0) release_paced();
    if (options_.time_each_io) return;
    const uint64_t now = ios();
    const uint64_t per_look = timed_ios_per_second * housekeeping_us / 1'000'000;
    if (pace_per_tick_ == 0 && now - ios_at_last_look_ > per_look) {
        time_mask_ = sample_mask;
        result_.sampled = true;
    }
    ios_at_last_look_ = now;
}

void PerfJob::release_paced() {
    const double due = static_cast<double>(bdk_get_ticks() - begin_) * pace_per_tick_;
    while (!paced_.empty() && issued_ != limit_ && static_cast<double>(issued_) < due) {
        Slot& slot = *paced_.back();
        paced_.pop_back();
        resubmit(slot);
    }
    if (issued_ != limit_) return;
    outstanding_ -= paced_.size();
    paced_.clear();
    end_if_idle();
}

bool PerfJob::complete_instantly() {
    std::swap(instant_queue_, instant_batch_);
    for (Slot* slot : instant_batch_)
        plain_ == Plain::instant ? go_on(*slot) : finish(*slot, true, nullptr);
    const bool busy = !instant_batch_.empty();
    instant_batch_.clear();
    return busy;
}

}  // namespace bdevkit::host

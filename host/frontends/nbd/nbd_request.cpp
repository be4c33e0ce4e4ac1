// SPDX-License-Identifier: BSD-3-Clause
#include "frontends/nbd/nbd_request.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

namespace bdevkit::host::nbd {

namespace {

constexpr uint32_t shortest_loan = 4096;
/// Attempts for one block status while other clients write.
constexpr uint8_t max_seeks = 8;

// Block sizes are powers of two except with interleaved metadata; divisions took a tenth of our own time per
// request.

uint64_t offset_in(uint64_t bytes, uint64_t unit) noexcept {
    return std::has_single_bit(unit) ? bytes & (unit - 1) : bytes % unit;
}

uint64_t whole(uint64_t bytes, uint64_t unit) noexcept {
    return std::has_single_bit(unit) ? bytes >> std::countr_zero(unit) : bytes / unit;
}

}  // namespace

void Request::lay_out(const RequestHeader& header, const Target& target) noexcept {
    header_ = header;
    target_ = &target;
    error_ = Error::none;

    const bool reads = header.command == Command::read || header.command == Command::block_status;
    const uint64_t unit = reads ? target.block_size : target.write_unit;
    const uint64_t past_head = header.offset + unit - 1;
    inside_first_ = past_head - offset_in(past_head, unit);
    first_ = header.offset - offset_in(header.offset, unit);
    inside_end_ = end() == target.size ? target.size : end() - offset_in(end(), unit);
    end_ = inside_end_ == end() ? end() : std::min(inside_end_ + unit, target.size);
}

bool Request::has_buffer() const noexcept {
    const bool has_data = header_.command == Command::read || header_.command == Command::write;
    return has_data && header_.length > 0 && !borrows();
}

bool Request::has_edge() const noexcept {
    const bool edges = header_.command == Command::write || header_.command == Command::write_zeroes;
    return edges && header_.length > 0 && (partial_head() || partial_tail());
}

size_t Request::memory_needed() const noexcept {
    return (has_buffer() ? BufferCache::rounded(end_ - first_) : 0) +
           (has_edge() ? BufferCache::rounded(target_->write_unit) : 0);
}

Error Request::take_memory(BufferCache& buffers) {
    if (has_buffer()) {
        buffer_ = buffers.get(end_ - first_);
        if (!buffer_) return Error::nomem;
    }
    if (has_edge()) {
        edge_ = buffers.get(target_->write_unit);
        if (!edge_) return Error::nomem;
    }
    return Error::none;
}

void Request::refuse(const RequestHeader& header, Error error) noexcept {
    header_ = header;
    error_ = error;
}

/// Copying a short read is faster than borrowing, because a loan takes two calls of the bdev.
bool Request::borrows() const noexcept {
    return header_.command == Command::read && target_->lends && header_.length >= shortest_loan &&
           first_ == header_.offset && end_ == end();
}

bool Request::give_back(Done done, void* ctx) {
    if (loan_ == nullptr) return false;
    done_ = done;
    done_ctx_ = ctx;
    if (bdk_bdev_zcopy_end(loan_, false, nullptr, on_given_back, this) == 0) return true;
    bdk_bdev_free_io(std::exchange(loan_, nullptr));
    return false;
}

void Request::on_given_back(bdk_bdev_io* io, bool, void* ctx) {
    auto& self = *static_cast<Request*>(ctx);
    bdk_bdev_free_io(io);
    self.loan_ = nullptr;
    self.done_(self, self.done_ctx_);
}

size_t Request::reply_size() const noexcept {
    size_t size = head_size_;
    for (const iovec& piece : reply_data_)
        size += piece.iov_len;
    return size;
}

void Request::clear() noexcept {
    buffer_.reset();
    edge_.reset();
    reply_data_ = {};
}

/// One past the first unit; the last unit of an export may be short.
uint64_t Request::head_end() const noexcept {
    return std::min(first_ + target_->write_unit, target_->size);
}

void Request::start(Done done, void* ctx) {
    done_ = done;
    done_ctx_ = ctx;
    steps_ = 0;
    next_step_ = 0;
    plan();
    if (edge_)
        lock_and_run();
    else
        run();
}

/// Reads and writes units that it changes partly; they are locked against other writes meanwhile.
void Request::lock_and_run() {
    const uint64_t block = target_->block_size;
    const int rc = bdk_bdev_lock_range(target_->desc, target_->channel, whole(first_, block),
                                       whole(end_ - first_, block), on_locked, this, &range_);
    if (rc == BDK_PENDING) return;
    if (rc != 0) return end_with(error_of_errno(rc));
    run();
}

void Request::on_locked(int rc, void* ctx) {
    auto& self = *static_cast<Request*>(ctx);
    if (rc == 0) return self.run();
    self.range_ = nullptr;  // the lock was refused: the client has been dropped
    self.end_with(Error::shutdown);
}

void Request::plan() {
    const bool empty = header_.length == 0;
    switch (header_.command) {
        case Command::read:
            if (!empty) add(borrows() ? Step::borrow : Step::read);
            break;
        case Command::write:
            if (!empty) plan_write();
            break;
        case Command::write_zeroes:
            if (!empty) plan_write_zeroes();
            break;
        case Command::trim:
            if (has_inside()) add(Step::unmap_inside);
            // A bdev that has no flush and takes FUA has no write cache.
            if ((header_.flags & cmd_fua) && target_->flushes) add(Step::flush);
            break;
        case Command::flush:
            add(Step::flush);
            break;
        case Command::block_status:
            extent_length_ = header_.length;
            extent_state_ = 0;
            seeks_left_ = max_seeks;
            if (target_->seeks) {
                add(Step::seek_data);
                add(Step::seek_hole);
            }
            break;
        case Command::disc:
            break;
    }
}

void Request::plan_write() {
    if (partial_head()) add(Step::read_head);
    if (partial_tail() && !(partial_head() && head_is_tail())) add(Step::read_tail);
    add(Step::write);
}

void Request::plan_write_zeroes() {
    if (partial_head()) {
        add(Step::read_head);
        add(Step::write_head);
    }
    if (has_inside()) add(Step::zero_inside);
    if (partial_tail() && !(partial_head() && head_is_tail())) {
        add(Step::read_tail);
        add(Step::write_tail);
    }
}

void Request::run() {
    if (next_step_ == steps_) return end_with(Error::none);
    if (!may_go_on()) return end_with(Error::shutdown);
    const Step step = plan_[next_step_];
    int rc = submit(step);
    if (rc == -ENOMEM) {
        wait_ = {.bdev = target_->bdev, .cb = on_memory, .cb_arg = this};
        if (bdk_bdev_queue_io_wait(target_->bdev, target_->channel, &wait_) == 0) return;
        rc = submit(step);  // a bdev_io has become free meanwhile
    }
    if (rc != 0) end_with(error_of_errno(rc));
}

/// When the client leaves, I/O that the bdev already has keeps its blocks locked. A step that still waits for
/// memory is dropped, because it could otherwise land on data that another client has written since.
bool Request::may_go_on() const noexcept {
    const bool begun = next_step_ != 0 || range_ != nullptr;
    return !target_->dropped && (begun || !target_->left);
}

void Request::on_memory(void* ctx) {
    static_cast<Request*>(ctx)->run();
}

int Request::submit_read(std::byte* to, uint64_t first, uint64_t end) {
    const uint64_t block = target_->block_size;
    return bdk_bdev_read_blocks(target_->desc, target_->channel, to, whole(first, block),
                                whole(end - first, block), nullptr, on_io, this);
}

int Request::submit_write(std::byte* from, uint64_t first, uint64_t end) {
    const uint64_t block = target_->block_size;
    if (!(header_.flags & cmd_fua)) {
        return bdk_bdev_write_blocks(target_->desc, target_->channel, from, whole(first, block),
                                     whole(end - first, block), nullptr, on_io, this);
    }
    const bdk_bdev_io_opts opts{.size = sizeof(bdk_bdev_io_opts), .flags = BDK_BDEV_IO_FUA};
    iov_ = {.iov_base = from, .iov_len = end - first};
    return bdk_bdev_writev_blocks(target_->desc, target_->channel, &iov_, 1, whole(first, block),
                                  whole(end - first, block), &opts, on_io, this);
}

int Request::submit(Step step) {
    const Target& t = *target_;
    const uint64_t block = t.block_size;
    switch (step) {
        case Step::borrow:
            return bdk_bdev_zcopy_start(t.desc, t.channel, whole(first_, block), whole(end_ - first_, block),
                                        true, nullptr, on_io, this);
        case Step::read:
            return submit_read(buffer_.data(), first_, end_);
        case Step::write:
            return submit_write(buffer_.data(), first_, end_);
        case Step::read_head:
            return submit_read(edge_.data(), first_, head_end());
        case Step::write_head:
            return submit_write(edge_.data(), first_, head_end());
        case Step::read_tail:
            return submit_read(edge_.data(), inside_end_, end_);
        case Step::write_tail:
            return submit_write(edge_.data(), inside_end_, end_);
        case Step::zero_inside: {
            const uint32_t fua = header_.flags & cmd_fua ? BDK_BDEV_IO_FUA : 0;
            const uint32_t keep = header_.flags & cmd_no_hole ? BDK_BDEV_IO_NO_UNMAP : 0;
            const bdk_bdev_io_opts opts{.size = sizeof(bdk_bdev_io_opts), .flags = fua | keep};
            return bdk_bdev_write_zeroes_blocks(t.desc, t.channel, whole(inside_first_, block),
                                                whole(inside_end_ - inside_first_, block), &opts, on_io,
                                                this);
        }
        case Step::unmap_inside:
            return bdk_bdev_unmap_blocks(t.desc, t.channel, whole(inside_first_, block),
                                         whole(inside_end_ - inside_first_, block), nullptr, on_io, this);
        case Step::flush:
            return bdk_bdev_flush_blocks(t.desc, t.channel, 0, t.size / block, nullptr, on_io, this);
        case Step::seek_data:
            return bdk_bdev_seek_data(t.desc, t.channel, first_ / block, nullptr, on_io, this);
        case Step::seek_hole:
            return bdk_bdev_seek_hole(t.desc, t.channel, first_ / block, nullptr, on_io, this);
    }
    return -EINVAL;
}

void Request::on_io(bdk_bdev_io* io, bool success, void* ctx) {
    auto& self = *static_cast<Request*>(ctx);
    if (!success) {
        const Error error = error_of_errno(bdk_bdev_io_get_aio_status(io));
        bdk_bdev_free_io(io);
        return self.end_with(error == Error::none ? Error::io : error);
    }
    const Step step = self.plan_[self.next_step_++];
    if (step == Step::borrow) {
        self.loan_ = io;
    } else {
        self.after(step, io);
        bdk_bdev_free_io(io);
    }
    self.run();
}

void Request::after(Step step, bdk_bdev_io* io) {
    switch (step) {
        case Step::read_head:
            return after_read_head();
        case Step::read_tail:
            return after_read_tail();
        case Step::seek_data:
            return after_seek_data(bdk_bdev_io_get_seek_offset(io));
        case Step::seek_hole:
            return after_seek_hole(bdk_bdev_io_get_seek_offset(io));
        default:
            return;
    }
}

void Request::after_read_head() {
    const uint64_t kept = header_.offset - first_;
    const uint64_t stop = std::min(end(), head_end());
    if (header_.command == Command::write_zeroes) {
        std::memset(edge_.data() + kept, 0, stop - header_.offset);
        return;
    }
    std::memcpy(buffer_.data(), edge_.data(), kept);
    if (head_is_tail()) {
        std::memcpy(buffer_.data() + (stop - first_), edge_.data() + (stop - first_), end_ - stop);
    }
}

void Request::after_read_tail() {
    const uint64_t changed = end() - inside_end_;
    if (header_.command == Command::write_zeroes) {
        std::memset(edge_.data(), 0, changed);
        return;
    }
    std::memcpy(buffer_.data() + (end() - first_), edge_.data() + changed, end_ - end());
}

void Request::after_seek_data(uint64_t block) {
    if (block <= first_ / target_->block_size) return;  // it is data: the next step finds its end
    const uint64_t data_first = block == UINT64_MAX ? end() : block * target_->block_size;
    extent_length_ = static_cast<uint32_t>(std::min(data_first, end()) - header_.offset);
    extent_state_ = state_hole;
    next_step_ = steps_;
}

/// If the data have become a hole since, the search is repeated. After the last attempt everything is
/// reported as data, which is always correct.
void Request::after_seek_hole(uint64_t block) {
    const uint64_t data_end = block == UINT64_MAX ? end() : block * target_->block_size;
    if (data_end > header_.offset) {
        extent_length_ = static_cast<uint32_t>(std::min(data_end, end()) - header_.offset);
    } else if (--seeks_left_ != 0) {
        next_step_ = 0;
    }
}

void Request::end_with(Error error) {
    error_ = error;
    if (range_ != nullptr) bdk_bdev_unlock_range(std::exchange(range_, nullptr));
    done_(*this, done_ctx_);
}

void Request::refer_to_data() {
    if (loan_ != nullptr) {
        iovec* pieces = nullptr;
        int32_t count = 0;
        bdk_bdev_io_get_iovec(loan_, &pieces, &count);
        reply_data_ = {pieces, static_cast<size_t>(count)};
        return;
    }
    iov_ = {.iov_base = data(), .iov_len = header_.length};
    reply_data_ = {&iov_, 1};
}

void Request::make_reply(bool structured) {
    std::byte* const head = head_.data();
    std::byte* tail = head;
    const uint64_t cookie = header_.cookie;
    const bool ok = error_ == Error::none;
    const bool has_data = ok && header_.command == Command::read && header_.length > 0;
    if (has_data) refer_to_data();

    if (!structured) {
        tail = store_simple_reply(head, error_, cookie);
    } else if (!ok) {
        const std::string_view text = error_text(error_);
        iov_ = {.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()};
        reply_data_ = {&iov_, 1};
        tail = store_chunk_header(head, ReplyType::error, cookie, 6 + static_cast<uint32_t>(text.size()));
        tail = store_be(tail, static_cast<uint32_t>(error_));
        tail = store_be(tail, static_cast<uint16_t>(text.size()));
    } else if (has_data) {
        tail = store_chunk_header(head, ReplyType::offset_data, cookie, 8 + header_.length);
        tail = store_be(tail, header_.offset);
    } else if (header_.command == Command::block_status) {
        tail = store_chunk_header(head, ReplyType::block_status, cookie, 12);
        tail = store_be(tail, uint32_t{0});  // id of base:allocation
        tail = store_be(tail, extent_length_);
        tail = store_be(tail, extent_state_);
    } else if (header_.command == Command::read) {
        tail = store_chunk_header(head, ReplyType::none, cookie, 0);
    } else {
        tail = store_simple_reply(head, Error::none, cookie);
    }
    head_size_ = static_cast<uint8_t>(tail - head);
}

}  // namespace bdevkit::host::nbd

// SPDX-License-Identifier: BSD-3-Clause
// One request of a client, from the parsed header to the bytes of its reply.
#pragma once

#include <bdevkit/desc.h>
#include <bdevkit/range_lock.h>

#include <array>
#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <span>

#include "frontends/nbd/nbd_buffers.hpp"
#include "frontends/nbd/nbd_protocol.hpp"

namespace bdevkit::host::nbd {

/// The target of a connection's requests.
struct Target {
    bdk_bdev* bdev = nullptr;
    bdk_bdev_desc* desc = nullptr;
    bdk_io_channel* channel = nullptr;
    uint64_t size = 0;        ///< bytes
    uint32_t block_size = 0;  ///< bytes; reads of the bdev are multiples of it
    uint64_t write_unit = 0;  ///< bytes; writes of the bdev are multiples of it
    bool flushes = false;     ///< the bdev has a flush
    bool lends = false;       ///< the bdev lends its own memory to readers (zcopy)
    bool seeks = false;       ///< the bdev finds data and holes
    bool left = false;        ///< the client has left: requests that have not begun do not begin
    bool dropped = false;     ///< the client is lost: its requests take no further step
};

/// [one bdk thread] Belongs to a RequestPool. Its life: lay_out(), take_memory() and start(); then `done` is
/// called once; then make_reply(); when the reply has been sent, give_back() and clear().
class Request : public boost::intrusive::list_base_hook<> {
public:
    using Done = void (*)(Request& request, void* ctx);

    /// Finds the blocks of a request that check_request() allows.
    void lay_out(const RequestHeader& header, const Target& target) noexcept;
    /// Bytes of buffers that take_memory() will take.
    size_t memory_needed() const noexcept;
    /// Takes the buffers. @return an error for the reply if that fails
    Error take_memory(BufferCache& buffers);

    /// The destination of a write's payload.
    std::span<std::byte> payload() const noexcept { return {data(), header_.length}; }

    /// Runs the request. done(*this, ctx) follows, and except for requests without I/O never before this call
    /// has returned.
    void start(Done done, void* ctx);

    /// Ends a request without starting it.
    void refuse(const RequestHeader& header, Error error) noexcept;

    /// Builds the bytes of the reply, valid until clear().
    void make_reply(bool structured);
    std::span<const std::byte> reply_head() const noexcept { return {head_.data(), head_size_}; }
    std::span<const iovec> reply_data() const noexcept { return reply_data_; }
    size_t reply_size() const noexcept;

    /// Returns borrowed memory to the bdev. @return false if there was none; otherwise done(*this, ctx)
    /// follows
    bool give_back(Done done, void* ctx);

    /// Returns the buffers.
    void clear() noexcept;

    /// Whether it was started with that ctx.
    bool is_of(const void* ctx) const noexcept { return done_ctx_ == ctx; }

    const RequestHeader& header() const noexcept { return header_; }
    Error error() const noexcept { return error_; }
    /// Bytes of memory that it holds.
    size_t footprint() const noexcept { return buffer_.size() + edge_.size(); }

private:
    enum class Step : uint8_t {
        borrow,       ///< the blocks, as the bdev's own memory
        read,         ///< the covering blocks, into buffer_
        write,        ///< the covering blocks, from buffer_
        read_head,    ///< the first unit, into edge_
        read_tail,    ///< the last unit, into edge_
        write_head,   ///< edge_ to the first unit
        write_tail,   ///< edge_ to the last unit
        zero_inside,  ///< the whole units
        unmap_inside,
        flush,
        seek_data,
        seek_hole,
    };

    std::byte* data() const noexcept { return buffer_.data() + (header_.offset - first_); }
    uint64_t end() const noexcept { return header_.offset + header_.length; }
    uint64_t head_end() const noexcept;
    bool partial_head() const noexcept { return inside_first_ != first_; }
    bool partial_tail() const noexcept { return inside_end_ != end_; }
    bool head_is_tail() const noexcept { return head_end() == end_; }
    bool has_inside() const noexcept { return inside_first_ < inside_end_; }
    bool borrows() const noexcept;
    bool has_buffer() const noexcept;
    bool has_edge() const noexcept;
    void add(Step step) noexcept { plan_[steps_++] = step; }
    void plan();
    void plan_write();
    void plan_write_zeroes();
    void lock_and_run();
    void run();
    bool may_go_on() const noexcept;
    int submit(Step step);
    int submit_write(std::byte* from, uint64_t first, uint64_t end);
    int submit_read(std::byte* to, uint64_t first, uint64_t end);
    void after(Step step, bdk_bdev_io* io);
    void after_read_head();
    void after_read_tail();
    void after_seek_data(uint64_t block);
    void after_seek_hole(uint64_t block);
    void end_with(Error error);
    void refer_to_data();

    static void on_io(bdk_bdev_io* io, bool success, void* ctx);
    static void on_given_back(bdk_bdev_io* io, bool success, void* ctx);
    static void on_memory(void* ctx);
    static void on_locked(int rc, void* ctx);

    RequestHeader header_;
    const Target* target_ = nullptr;
    Buffer buffer_;
    Error error_ = Error::none;
    uint8_t steps_ = 0;
    uint8_t next_step_ = 0;
    uint8_t head_size_ = 0;
    uint8_t seeks_left_ = 0;
    std::array<Step, 6> plan_{};
    std::array<std::byte, 32> head_;
    std::span<const iovec> reply_data_;
    bdk_bdev_io* loan_ = nullptr;  ///< a started zcopy
    Done done_ = nullptr;
    void* done_ctx_ = nullptr;

    uint64_t first_ = 0;         ///< start of the units that cover the range, in bytes
    uint64_t end_ = 0;           ///< end of these units
    uint64_t inside_first_ = 0;  ///< start of the units that lie completely in the range
    uint64_t inside_end_ = 0;
    iovec iov_{};
    bdk_bdev_io_wait_entry wait_{};
    Buffer edge_;                      ///< one unit, for read-modify-write
    bdk_bdev_range* range_ = nullptr;  ///< lock on these units
    uint32_t extent_length_ = 0;
    uint32_t extent_state_ = 0;
};

}  // namespace bdevkit::host::nbd

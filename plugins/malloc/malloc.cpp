// SPDX-License-Identifier: BSD-3-Clause
// malloc: a disk in memory. All I/O is done and completed inside submit(), but for zeroing of large ranges,
// which goes on step by step from a poller so that the reactor is never held up.
#include <algorithm>
#include <bdevkit/bdevkit.hpp>
#include <bit>
#include <utility>
#include <vector>

#include "memory.hpp"

namespace {

using bdevkit::Io;
using bdevkit::IoStatus;
using bdevkit::IoType;

class Malloc : public bdevkit::Bdev<Malloc> {
public:
    struct Options {
        bdevkit::Size size;
        uint32_t block_size;
        bdk_uuid uuid;
    };
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(size, "Bytes of the disk, a multiple of block_size.").required().min(512),
        BDEVKIT_OPTION(block_size, "Bytes per block, a power of two.").defaults_to("512").min(512).max(65536),
        BDEVKIT_OPTION(uuid, "The bdev's UUID; made from its name when not given."),
    };

    static constexpr const char* product_name = "Malloc disk";
    static constexpr uint64_t io_types =
        bdevkit::io_types(IoType::read, IoType::write, IoType::flush, IoType::unmap, IoType::write_zeroes,
                          IoType::compare, IoType::copy, IoType::zcopy, IoType::reset, IoType::abort);

    /// The zeroing under way on one thread.
    class Channel {
    public:
        explicit Channel(Malloc& disk)
            : disk_(disk), poller_(bdevkit::Poller::start<&Channel::zero_next_step>(this, disk.name())) {
            poller_.pause();
        }

        void zero(Io io) {
            if (disk_.length_of(io) <= bytes_per_step) {
                disk_.zero(io, 0, disk_.length_of(io));
                return io.complete();
            }
            if (queue_.empty()) poller_.resume();
            queue_.push_back({io, 0});
        }

        /// Ends `io` where it is. False when it is not here.
        bool abort(bdk_bdev_io* io) {
            const auto found = std::find_if(queue_.begin(), queue_.end(),
                                            [&](const Zeroing& zeroing) { return zeroing.io.get() == io; });
            if (found == queue_.end()) return false;
            queue_.erase(found);
            Io(io).complete(IoStatus::aborted);
            return true;
        }

        void abort_all() {
            for (const Zeroing& zeroing : std::exchange(queue_, {}))
                zeroing.io.complete(IoStatus::aborted);
        }

    private:
        static constexpr uint64_t bytes_per_step = 4 << 20;

        struct Zeroing {
            Io io;
            uint64_t done;  ///< bytes
        };

        bool zero_next_step() {
            if (queue_.empty()) {
                poller_.pause();
                return false;
            }
            Zeroing& next = queue_.front();
            const uint64_t length = disk_.length_of(next.io);
            const uint64_t step = std::min(bytes_per_step, length - next.done);
            disk_.zero(next.io, next.done, step);
            next.done += step;
            if (next.done == length) {
                const Io io = next.io;
                queue_.erase(queue_.begin());
                io.complete();
            }
            return true;
        }

        Malloc& disk_;
        std::vector<Zeroing> queue_;
        bdevkit::Poller poller_;
    };

    Malloc(const char* name, const Options& given) : Bdev(name), memory_(given.size) {
        if (!std::has_single_bit(given.block_size))
            throw bdevkit::Error(EINVAL,
                                 bdevkit::format("block_size is %u: give a power of two", given.block_size));
        if (given.size % given.block_size != 0)
            throw bdevkit::Error(EINVAL,
                                 bdevkit::format("size is no multiple of block_size %u", given.block_size));
        bdev().blocklen = given.block_size;
        bdev().blockcnt = given.size / given.block_size;
        bdev().uuid = given.uuid;
        bdev().flags = BDK_BDEV_FUA;
        block_shift_ = uint32_t(std::countr_zero(given.block_size));
    }

    void submit(Channel& ch, Io io) {
        switch (io.type()) {
            case IoType::read:
                return io.has_buffer() ? read(ch, io) : with_buffer<&Malloc::read>(io);
            case IoType::write:
                return write(io);
            case IoType::unmap:
            case IoType::write_zeroes:
                return ch.zero(io);
            case IoType::compare:
                return compare(io);
            case IoType::copy:
                std::memmove(start_of(io), memory_.at(io->u.bdev.src_offset_blocks << block_shift_),
                             length_of(io));
                return io.complete();
            case IoType::zcopy:
                if (io.has_flag(BDK_BDEV_IO_ZCOPY_START))
                    bdk_bdev_io_set_buf(io.get(), start_of(io), length_of(io));
                return io.complete();
            case IoType::abort:
                return io.complete(ch.abort(io->u.abort.bio_to_abort) ? IoStatus::success : IoStatus::failed);
            case IoType::reset:
                return for_each_channel([](Channel& channel) { channel.abort_all(); },
                                        [io] { io.complete(); });
            default:
                return io.complete();  // flush: what is in memory is as safe as it will ever be
        }
    }

private:
    /// From here on a write of zeroes gives memory back; below, that would cost more than it saves.
    static constexpr uint64_t least_discard = 64 << 10;

    uint64_t length_of(Io io) const noexcept { return io.num_blocks() << block_shift_; }
    std::byte* start_of(Io io) const noexcept { return memory_.at(io.offset_blocks() << block_shift_); }

    void read(Channel&, Io io) {
        const std::byte* from = start_of(io);
        for (const iovec& piece : io.iovs()) {
            std::memcpy(piece.iov_base, from, piece.iov_len);
            from += piece.iov_len;
        }
        io.complete();
    }

    void write(Io io) {
        std::byte* to = start_of(io);
        for (const iovec& piece : io.iovs()) {
            std::memcpy(to, piece.iov_base, piece.iov_len);
            to += piece.iov_len;
        }
        io.complete();
    }

    void compare(Io io) {
        const std::byte* ours = start_of(io);
        for (const iovec& piece : io.iovs()) {
            if (std::memcmp(ours, piece.iov_base, piece.iov_len) != 0)
                return io.complete(IoStatus::miscompare);
            ours += piece.iov_len;
        }
        io.complete();
    }

    /// Zeroes `length` bytes of the I/O's range, from the byte `done` on.
    void zero(Io io, uint64_t done, uint64_t length) const noexcept {
        const uint64_t offset = (io.offset_blocks() << block_shift_) + done;
        const bool keeps_pages = io.type() == IoType::write_zeroes &&
                                 (length < least_discard || io.has_flag(BDK_BDEV_IO_NO_UNMAP));
        if (keeps_pages)
            memory_.fill_with_zero(offset, length);
        else
            memory_.discard(offset, length);
    }

    Memory memory_;
    uint32_t block_shift_ = 0;
};

}  // namespace

BDEVKIT_MODULE(Malloc, .name = "malloc", .version = "1.0.0", .description = "A disk in memory",
               .author = "bdevkit", .license = "BSD-3-Clause");

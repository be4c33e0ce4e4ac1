// SPDX-License-Identifier: BSD-3-Clause
// uring: a file or a kernel block device, through io_uring.
#include <fcntl.h>
#include <unistd.h>
#include <bdevkit/bdevkit.hpp>

#include <algorithm>
#include <bit>
#include <chrono>
#include <memory>
#include <new>
#include <string>

#include "blank_operation.hpp"
#include "file_channel.hpp"

namespace {

using bdevkit::Error, bdevkit::format, bdevkit::Io, bdevkit::IoStatus, bdevkit::IoType;

Blank blank_of(Io io) noexcept {
    if (io.type() == IoType::unmap) return Blank::give_back;
    return io.has_flag(BDK_BDEV_IO_NO_UNMAP) ? Blank::zero_and_keep : Blank::zero;
}

class Uring : public bdevkit::Bdev<Uring> {
public:
    struct Options {
        bdevkit::Path path;
        uint32_t block_size;
        bdevkit::Size size;
        bool read_only, direct, sqpoll, iopoll, registered_buffers;
    };
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(path, "The file or block device.").required(),
        BDEVKIT_OPTION(block_size, "Bytes per block, a power of two; 0: the device's own, 512 for a file.")
            .max(65536),
        BDEVKIT_OPTION(size, "Size to create the file with or to grow it to; a longer file stays unchanged."),
        BDEVKIT_OPTION(read_only, "The file is never written, and other processes may read it too."),
        BDEVKIT_OPTION(direct, "Bypass the page cache (O_DIRECT) where possible.").defaults_to("true"),
        BDEVKIT_OPTION(sqpoll, "A kernel thread submits the I/O: fewer system calls, but one core is busy."),
        BDEVKIT_OPTION(iopoll, "Poll for reads and writes; the device needs poll queues."),
        BDEVKIT_OPTION(
            registered_buffers,
            "Register the host's heap, which pins it: the kernel need not look up its pages for each I/O."),
    };
    static constexpr const char* product_name = "File or kernel block device";

    /// The context of an I/O that the kernel has.
    struct IoContext {
        int32_t expected = 0;            ///< the result that means success
        bool is_last = true;             ///< this step is the last one
        Way way = Way::none;             ///< of an unmap or write zeroes
        uint32_t copied_by_reactor = 0;  ///< bytes
        uint64_t done = 0;               ///< bytes done before this step
        uint64_t step = 0;               ///< bytes of this step of an unmap or write zeroes
        Way step_way = Way::none;
        iovec* leftover = nullptr;  ///< the remaining buffers after a short read or write
    };

    struct Channel : FileChannel<Uring> {
        explicit Channel(Uring& disk) : FileChannel(disk, disk.file_, disk.fd_, disk.ring_options_) {}
    };

    static int create(bdk_create* creation, const char* name, const Options& given) {
        try {
            return try_create(name, given);
        } catch (const StillHeld&) {
            // From here on the bdev owns itself.
            std::unique_ptr<Creation>(new Creation{creation, name, given}).release()->wait();
            return BDK_PENDING;
        }
    }

    Uring(const char* name, const Options& given)
        : Bdev(name),
          file_({given.path.path, given.block_size, given.read_only, given.direct}),
          fd_(file_.fd()),
          ways_(file_.is_device()),
          given_(given),
          ring_options_{.sqpoll = given.sqpoll,
                        .iopoll = given.iopoll,
                        .ahead = file_.is_direct(),
                        .heap = given.registered_buffers} {
        given_.path = {file_.path().c_str()};
        if (given.size > file_.size() && !given.read_only) file_.set_size(given.size);
        check_size(given.size);
        describe(given);
        try_rings();
    }

    void submit(Channel& ch, Io io) {
        switch (io.type()) {
            case IoType::read:
                if (!io.has_buffer()) return with_buffer<&Uring::begin>(io);
                return begin(ch, io);
            case IoType::unmap:
            case IoType::write_zeroes:
                io.context<IoContext>() = {.way = ways_.first(blank_of(io))};
                return blank(ch, io);
            case IoType::seek_data:
            case IoType::seek_hole:
                return seek(io);
            case IoType::reset:
                return Channel::drain_all(*this, io);
            default:
                return begin(ch, io);
        }
    }

    /// Handles the result of an I/O from the kernel.
    void ended(Channel& ch, Io io, int result, uint64_t) {
        auto& context = io.context<IoContext>();
        ch.end_copy(context.copied_by_reactor);
        if (result != context.expected || !context.is_last) [[unlikely]]
            return ended_otherwise(ch, io, result);
        if (context.leftover != nullptr) [[unlikely]]
            delete[] std::exchange(context.leftover, nullptr);
        io.complete();
    }

    /// [app thread] Notices a changed size of the file. Resizes the file only if the option `size` differs
    /// from its previous value: the file may have grown since, and reconfiguring with the same options must
    /// not truncate it.
    void reconfigure(const Options& given, bdevkit::Reconfiguration change) {
        if (file_.path() != given.path.path || given.block_size != given_.block_size ||
            given.read_only != given_.read_only || given.direct != given_.direct ||
            given.sqpoll != given_.sqpoll || given.iopoll != given_.iopoll ||
            given.registered_buffers != given_.registered_buffers)
            throw Error(EINVAL, "only `size` can be changed while the bdev is in use");
        const bool is_new = given.size != 0 && given.size != given_.size;
        set_blocks((is_new ? uint64_t(given.size) : file_.size()) >> block_shift_);
        given_.size = given.size;
        change.finish();
    }

    void resize(uint64_t num_blocks) { set_blocks(num_blocks); }

    void dump_info(bdevkit::Json json) const {
        json.value("path", file_.path());
        json.value("device", file_.is_device());
        json.value("direct", file_.is_direct());
        json.value("sqpoll", ring_options_.sqpoll);
        json.value("iopoll", ring_options_.iopoll);
        json.value("registered_buffers", ring_options_.heap);
    }

private:
    /// A bdev that waits for the last I/O of a killed process.
    struct Creation {
        static constexpr std::chrono::milliseconds period{10};
        static constexpr int most_tries = 2000;

        void wait() { timer = bdevkit::Poller::start<&Creation::try_again>(this, "uring_create", period); }

        bool try_again() {
            int rc = 0;
            try {
                rc = try_create(name.c_str(), given);
            } catch (const StillHeld&) {
                if (++tries < most_tries) return true;
                rc = bdevkit::detail::handle_exception(BDK_LOG_COMPONENT, "create");
            } catch (...) {
                rc = bdevkit::detail::handle_exception(BDK_LOG_COMPONENT, "create");
            }
            const std::unique_ptr<Creation> self(this);
            bdk_module_create_done(create, rc);
            return true;
        }

        bdk_create* create;
        std::string name;
        const Options& given;
        bdevkit::Poller timer{};
        int tries = 0;
    };

    static int try_create(const char* name, const Options& given) {
        NewFile file(given.path, given.size);
        const int rc = make(name, given);
        if (rc == 0) file.keep();
        return rc;
    }

    void check_size(uint64_t given) const {
        const auto bytes = static_cast<unsigned long long>(file_.size());
        if (given > bytes)
            throw Error(EINVAL,
                        format("'%s' has %llu bytes, less than `size`: set that size, or leave `size` out",
                               file_.path().c_str(), bytes));
        if (given != 0 && given < bytes)
            bdevkit::log(bdevkit::LogLevel::notice, BDK_LOG_COMPONENT,
                         format("'%s' has %llu bytes, more than `size`: it is not truncated",
                                file_.path().c_str(), bytes));
    }

    void describe(const Options& given) {
        bdk_bdev& own = bdev();
        own.blocklen = file_.block_size();
        block_shift_ = uint32_t(std::countr_zero(own.blocklen));
        own.blockcnt = file_.size() >> block_shift_;
        if (own.blockcnt == 0)
            throw Error(EINVAL, format("'%s' is shorter than a block of %u bytes: set `size`",
                                       given.path.path, unsigned(own.blocklen)));
        if ((file_.size() & (own.blocklen - 1)) != 0)
            bdevkit::log(bdevkit::LogLevel::warn, BDK_LOG_COMPONENT,
                         format("'%s' ends with a partial block, which is not used", given.path.path));
        own.phys_blocklen = file_.physical_block_size();
        own.required_alignment = uint32_t(std::countr_zero(file_.memory_alignment()));
        own.max_num_segments = 1024;  // the kernel's UIO_MAXIOV
        own.max_rw_size = (1u << 30) >> block_shift_;
        own.io_type_supported = bdevkit::io_types(IoType::read, IoType::flush, IoType::reset, IoType::abort);
        if (!file_.is_device())
            own.io_type_supported |= bdevkit::io_types(IoType::seek_data, IoType::seek_hole);
        if (given.read_only) return;
        own.flags = BDK_BDEV_WRITE_CACHE | BDK_BDEV_FUA;
        own.io_type_supported |= bdevkit::io_types(IoType::write);
        if (file_.has_holes())
            own.io_type_supported |= bdevkit::io_types(IoType::unmap, IoType::write_zeroes);
    }

    /// Creates a ring now, so that its failure is reported before the first client connects.
    void try_rings() const {
        if (ring_options_.iopoll && !file_.is_direct()) throw Error(EINVAL, "`iopoll` needs direct I/O");
        Ring ring({&fd_, 1}, ring_options_);
        if (!ring_options_.iopoll) return;
        void* buffer = bdk_dma_malloc(bdev().blocklen, 4096, BDK_NUMA_ANY);
        if (buffer == nullptr) throw Error(ENOMEM, "no memory for a block");
        io_uring_sqe* sqe = ring.next();
        io_uring_prep_read(sqe, 0, buffer, bdev().blocklen, 0);
        ring.add(sqe, buffer);
        int result = 0;
        while (ring.in_flight() != 0)
            ring.turn([&](void*, int rc, uint64_t) { result = rc; });
        bdk_dma_free(buffer);
        if (result < 0)
            throw Error(result,
                        format("'%s' cannot be polled (%s): leave `iopoll` out, or configure poll "
                               "queues for the device (for nvme the module parameter poll_queues)",
                               file_.path().c_str(), std::generic_category().message(-result).c_str()));
    }

    // ---- to the kernel ----

    void begin(Channel& ch, Io io) {
        io.context<IoContext>() = {};
        start(ch, io);
    }

    void start(Channel& ch, Io io) {
        if (io.type() == IoType::write && !ch.reaches(end_of(io))) [[unlikely]]
            return fail(io, -EIO);
        const bool moves_data = io.type() == IoType::read || io.type() == IoType::write;
        Ring& ring = ch.ring(moves_data);
        io_uring_sqe* sqe = ring.next();
        if (sqe == nullptr) [[unlikely]]
            return fail(io, -ENOMEM);
        moves_data ? prepare_transfer(ch, ring, sqe, io) : prepare_other(sqe, io);
        ring.add(sqe, io.get());
        ch.wake_up();
    }

    /// The next step of an unmap or of write zeroes.
    void blank(Channel& ch, Io io) {
        if (!ch.reaches(end_of(io))) return fail(io, -EIO);
        auto& context = io.context<IoContext>();
        const ByteRange range = blank_range(io);
        const ByteRange left{range.begin + context.done, range.end};
        if (left.begin >= left.end) return io.complete();
        if (context.way == Way::none) return fail(io, -EOPNOTSUPP);
        const BlankStep step = next_blank_step(left, context.way, file_.unit(), longest_zero_write);
        context.step = step.length;
        context.step_way = step.way;
        context.is_last = left.begin + step.length == left.end && step.way != Way::punch_then_allocate;
        io_uring_sqe* sqe = ch.ring(false).next();
        if (sqe == nullptr) [[unlikely]]
            return fail(io, -ENOMEM);
        prepare_blank(sqe, step, left.begin);
        context.expected = step.way == Way::write ? int32_t(step.length) : 0;
        context.copied_by_reactor = step.way == Way::write ? ch.begin_copy(sqe, uint32_t(step.length)) : 0;
        ch.ring(false).add(sqe, io.get());
        ch.wake_up();
    }

    /// An unmap skips its edges, which are smaller than the device's unit.
    ByteRange blank_range(Io io) const noexcept {
        const ByteRange range{io.offset_blocks() << block_shift_, end_of(io)};
        return io.type() == IoType::unmap ? whole_units(range, file_.unit()) : range;
    }

    uint64_t end_of(Io io) const noexcept { return (io.offset_blocks() + io.num_blocks()) << block_shift_; }

    void prepare_transfer(Channel& ch, const Ring& ring, io_uring_sqe* sqe, Io io) const {
        auto& context = io.context<IoContext>();
        const uint64_t offset = (io.offset_blocks() << block_shift_) + context.done;
        const auto length = uint32_t((io.num_blocks() << block_shift_) - context.done);
        context.expected = int32_t(length);
        const iovec* iovs = context.leftover != nullptr ? context.leftover : io->u.bdev.iovs;
        const bool reads = io.type() == IoType::read;
        if (io->u.bdev.iovcnt == 1) {
            std::byte* at = static_cast<std::byte*>(iovs->iov_base) + context.done;
            io_uring_prep_rw(reads ? IORING_OP_READ : IORING_OP_WRITE, sqe, 0, at, length, offset);
            ring.use_registered(sqe, at, length);
        } else
            io_uring_prep_rw(reads ? IORING_OP_READV : IORING_OP_WRITEV, sqe, 0, iovs,
                             unsigned(io->u.bdev.iovcnt), offset);
        if (!reads && io.has_flag(BDK_BDEV_IO_FUA)) sqe->rw_flags = RWF_DSYNC;
        context.copied_by_reactor = ch.begin_copy(sqe, length);
    }

    static void prepare_other(io_uring_sqe* sqe, Io io) {
        if (io.type() == IoType::flush) return io_uring_prep_fsync(sqe, 0, IORING_FSYNC_DATASYNC);
        io_uring_prep_cancel(sqe, io->u.abort.bio_to_abort, 0);
    }

    // ---- from the kernel ----

    void fail(Io io, int rc) {
        delete[] std::exchange(io.context<IoContext>().leftover, nullptr);
        io.complete_errno(rc);
    }

    /// Beyond the end of a device that has shrunk, the kernel returns different errors for different types.
    void fail_in_kernel(Io io, int rc) {
        const bool has_range = io.type() != IoType::flush;
        fail(io, has_range && end_of(io) > file_.end() ? -EIO : rc);
    }

    void ended_otherwise(Channel& ch, Io io, int result) {
        if (io.type() == IoType::abort) return io.complete(IoStatus::failed);
        const bool blanks = io.type() == IoType::unmap || io.type() == IoType::write_zeroes;
        if (result == -EINTR || result == -EAGAIN) return blanks ? blank(ch, io) : start(ch, io);
        if (result == -ECANCELED) {
            delete[] std::exchange(io.context<IoContext>().leftover, nullptr);
            return io.complete(IoStatus::aborted);
        }
        if (blanks) return blank_step_ended(ch, io, result);
        if (result < 0 || io.type() == IoType::flush) return fail_in_kernel(io, result);
        go_on(ch, io, result);
    }

    /// The bytes done by a short read or write, rounded down to a block for direct I/O.
    uint64_t whole_bytes(int result) const noexcept {
        return file_.is_direct() ? uint64_t(result) & -uint64_t(bdev().blocklen) : uint64_t(result);
    }

    /// Continues after a short read or write.
    void go_on(Channel& ch, Io io, int result) {
        auto& context = io.context<IoContext>();
        const uint64_t bytes = whole_bytes(result);
        if (bytes == 0) return fail(io, -EIO);  // the file ends before the bdev does
        context.done += bytes;
        if (io->u.bdev.iovcnt > 1 && !keep_leftover(io)) return fail(io, -ENOMEM);
        start(ch, io);
    }

    /// The buffers of the I/O without the bytes already done. Used-up buffers stay with length 0.
    static bool keep_leftover(Io io) {
        auto& context = io.context<IoContext>();
        if (context.leftover == nullptr) {
            try {
                context.leftover = std::make_unique<iovec[]>(io.iovs().size()).release();
            } catch (const std::bad_alloc&) {
                return false;
            }
        }
        uint64_t done = context.done;
        std::transform(io.iovs().begin(), io.iovs().end(), context.leftover, [&done](const iovec& whole) {
            const uint64_t skipped = std::min<uint64_t>(done, whole.iov_len);
            done -= skipped;
            return iovec{static_cast<std::byte*>(whole.iov_base) + skipped, whole.iov_len - skipped};
        });
        return true;
    }

    void blank_step_ended(Channel& ch, Io io, int result) {
        auto& context = io.context<IoContext>();
        if (result < 0) {
            if (!take_next_way(io, result)) return fail_in_kernel(io, result);
        } else if (context.step_way == Way::punch_then_allocate) {
            context.way = Way::allocate;
        } else if (context.step_way == Way::write) {
            if (whole_bytes(result) == 0) return fail(io, -EIO);
            context.done += whole_bytes(result);
        } else {
            context.done += context.step;
        }
        if (ch.is_draining()) return io.complete(IoStatus::aborted);
        blank(ch, io);
    }

    /// Retries after an error of the kernel. False when the error is final.
    bool take_next_way(Io io, int result) {
        auto& context = io.context<IoContext>();
        const bool never = result == -EOPNOTSUPP || result == -ENOTTY;
        if (context.step_way == Way::write || (!never && result != -EINVAL)) return false;
        if (never) ways_.refuse(context.way);
        context.way = ways_.after(context.way, blank_of(io));
        return context.way != Way::none;
    }

    // ---- what io_uring does not do ----

    /// The first block with data, or the first hole, beginning at the I/O's block.
    void seek(Io io) {
        if (file_.end() <= io.offset_blocks() << block_shift_) return io.complete_errno(-EIO);
        const uint64_t end = bdk_bdev_get_num_blocks(&bdev());
        uint64_t block = find(io.offset_blocks(), SEEK_DATA);
        if (io.type() == IoType::seek_hole) {
            // A block that contains any data is not a hole, although file systems may have smaller holes.
            uint64_t hole = io.offset_blocks();
            while (block == hole && hole < end) {
                hole = find(hole, SEEK_HOLE);
                block = find(hole, SEEK_DATA);
            }
            block = hole;
        }
        bdk_bdev_io_set_seek_offset(io.get(), block < end ? block : UINT64_MAX);
        io.complete();
    }

    /// The first block with data at or after the position. UINT64_MAX: none. Throws Error.
    uint64_t find(uint64_t block, int what) const {
        if (block >= bdk_bdev_get_num_blocks(&bdev())) return UINT64_MAX;
        const off_t found = lseek(file_.fd(), off_t(block << block_shift_), what);
        if (found < 0 && errno == ENXIO) return UINT64_MAX;
        if (found < 0) bdevkit::check(-errno, "lseek");
        const uint64_t rounding = what == SEEK_HOLE ? bdev().blocklen - 1 : 0;
        return (uint64_t(found) + rounding) >> block_shift_;
    }

    /// Grows the file before the bdev, and shrinks it afterwards; the core refuses to shrink an open bdev.
    void set_blocks(uint64_t blocks) {
        const uint64_t bytes = blocks << block_shift_, before = file_.size();
        if (bytes > before) file_.set_size(bytes);
        if (blocks != bdk_bdev_get_num_blocks(&bdev())) notify_resized(blocks);
        if (blocks < before >> block_shift_) file_.set_size(bytes);
    }

    File file_;
    int fd_;
    Ways ways_;
    Options given_;
    Ring::Options ring_options_;
    uint32_t block_shift_ = 0;
};

}  // namespace

BDEVKIT_MODULE(Uring, .name = "uring", .version = "1.0.0",
               .description = "A file or a kernel block device, through io_uring", .author = "bdevkit",
               .license = "BSD-3-Clause");

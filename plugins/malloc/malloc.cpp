// SPDX-License-Identifier: BSD-3-Clause
// malloc: a disk in memory. A poller does reads and writes in batches and prefetches the memory of the next
// ones meanwhile, since fetching memory takes most of their time. Zeroing of large ranges runs step by step,
// so that the reactor is never held up. Everything else is done and completed inside submit().
#include <algorithm>
#include <bdevkit/bdevkit.hpp>
#include <bit>

#include "memory.hpp"
#include "options.hpp"
#include "zeroing.hpp"

namespace {

using bdevkit::Io;
using bdevkit::IoStatus;
using bdevkit::IoType;

class Malloc : public bdevkit::Bdev<Malloc> {
public:
    using Options = MallocOptions;
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(size, "Bytes of data on the disk, a multiple of block_size.").required().min(512),
        BDEVKIT_OPTION(block_size, "Bytes of data per block, a power of two.")
            .defaults_to("512")
            .min(512)
            .max(65536),
        BDEVKIT_OPTION(uuid, "The bdev's UUID; made from its name when not given."),
        BDEVKIT_OPTION(physical_block_size, "Bytes that are written atomically, a power of two."),
        BDEVKIT_OPTION(optimal_io_boundary, "Blocks; reads and writes are split at multiples of it."),
        BDEVKIT_OPTION(write_unit_size, "Blocks that writes should be multiples of."),
        BDEVKIT_OPTION(md_size, "Bytes of metadata per block: 0, 8, 16, 32, 64 or 128.").max(128),
        BDEVKIT_OPTION(md_interleave,
                       "Metadata follow each block's data; otherwise they are in separate buffers."),
        BDEVKIT_OPTION(dif_type, "Type of the protection information, 1 to 3; 0 for none.").max(3),
        BDEVKIT_OPTION(dif_is_head_of_md, "Protection information is at the head of the metadata."),
        BDEVKIT_OPTION(dif_pi_format, "0: 8 bytes with a CRC-16, 1: 16 bytes with a CRC-32C.").max(1),
        BDEVKIT_OPTION(dif_check_app_tag, "Also checks that application tags are 0."),
    };

    static constexpr const char* product_name = "Malloc disk";
    static constexpr uint64_t io_types =
        bdevkit::io_types(IoType::read, IoType::write, IoType::flush, IoType::unmap, IoType::write_zeroes,
                          IoType::compare, IoType::copy, IoType::zcopy, IoType::reset, IoType::abort);

    class Channel {
    public:
        explicit Channel(Malloc& disk) : transfers_(disk, disk.name()), zeroing_(disk) {}

        void transfer(Io io) { transfers_.add(io); }
        void zero(Io io) { zeroing_.zero(io); }
        bool abort(bdk_bdev_io* io) { return transfers_.abort(io) || zeroing_.abort(io); }
        void abort_all() {
            transfers_.abort_all();
            zeroing_.abort_all();
        }

    private:
        bdevkit::IoBatch<Malloc> transfers_;
        ZeroingChannel<Malloc> zeroing_;
    };

    static int create(bdk_create*, const char* name, const Options& given) {
        return given.md_size != 0 || given.dif_type != 0 ? create_with_metadata(name, given)
                                                         : make(name, given);
    }

    Malloc(const char* name, const Options& given) : Bdev(name), memory_(given.size) {
        apply(given, bdev());
        block_shift_ = uint32_t(std::countr_zero(given.block_size));
    }

    uint32_t data_block_size() const noexcept { return bdev().blocklen; }

    /// Zeroes `count` blocks of the I/O's range from its block `first` on.
    void zero(Io io, uint64_t first, uint64_t count) const noexcept {
        memory_.zero_for(io, (io.offset_blocks() + first) << block_shift_, count << block_shift_);
    }

    void submit(Channel& ch, Io io) {
        switch (io.type()) {
            case IoType::read:
                return io.has_buffer() ? ch.transfer(io) : with_buffer<&Malloc::transfer>(io);
            case IoType::write:
                return ch.transfer(io);
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
                return io.complete();  // flush: there is nothing to do for data in memory
        }
    }

    /// Prefetches for a read or write that comes soon. After the first lines the processor's own prefetcher
    /// takes over.
    void prepare(Io io) const noexcept {
        const std::byte* start = start_of(io);
        const uint64_t length = std::min<uint64_t>(length_of(io), prefetched_bytes);
        for (uint64_t at = 0; at < length; at += cache_line)
            bdevkit::prefetch(start + at);
    }

    void work(Io io) { io.type() == IoType::read ? read(io) : write(io); }

private:
    static constexpr uint64_t cache_line = 64;
    static constexpr uint64_t prefetched_bytes = 512;

    void transfer(Channel& ch, Io io) { ch.transfer(io); }

    uint64_t length_of(Io io) const noexcept { return io.num_blocks() << block_shift_; }
    std::byte* start_of(Io io) const noexcept { return memory_.at(io.offset_blocks() << block_shift_); }

    void read(Io io) {
        const std::byte* from = start_of(io);
        for (const iovec& piece : io.iovs()) {
            std::memcpy(piece.iov_base, from, piece.iov_len);
            from += piece.iov_len;
        }
    }

    void write(Io io) {
        std::byte* to = start_of(io);
        for (const iovec& piece : io.iovs()) {
            std::memcpy(to, piece.iov_base, piece.iov_len);
            to += piece.iov_len;
        }
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

    Memory memory_;
    uint32_t block_shift_ = 0;
};

}  // namespace

BDEVKIT_MODULE(Malloc, .name = "malloc", .version = "1.0.0", .description = "A disk in memory",
               .author = "bdevkit", .license = "BSD-3-Clause");

// SPDX-License-Identifier: BSD-3-Clause
// null: accepts every write and stores nothing. I/O is queued on the channel and completed in batches from a
// poller, as on a real device. Each I/O touches one slot of a small array, which stays in the first-level
// cache.
#include <bdevkit/bdevkit.hpp>
#include <bit>
#include <cstring>

namespace {

using bdevkit::Io;
using bdevkit::IoStatus;
using bdevkit::IoType;

struct NullOptions {
    bdevkit::Size size;
    uint32_t block_size;
    bdk_uuid uuid;
    uint32_t physical_block_size;
    uint32_t md_size;
    uint32_t dif_type;
    bool dif_is_head_of_md;
    uint32_t dif_pi_format;
    bool dif_check_app_tag;
};

/// Fills the properties of a null disk; throws Error for invalid options.
void apply(const NullOptions& given, bdk_bdev& bdev) {
    using bdevkit::Error, bdevkit::format;
    const uint32_t block_size = given.block_size;
    if (!std::has_single_bit(block_size))
        throw Error(EINVAL, format("block_size is %u: give a power of two", block_size));
    if (given.size % block_size != 0)
        throw Error(EINVAL, format("size is not a multiple of block_size %u", block_size));
    const uint32_t physical = given.physical_block_size;
    if (physical != 0 && (!std::has_single_bit(physical) || physical < block_size))
        throw Error(EINVAL,
                    format("physical_block_size is %u: give a power of two that is at least block_size %u",
                           physical, block_size));
    if (given.md_size != 0 && (!std::has_single_bit(given.md_size) || given.md_size < 8))
        throw Error(EINVAL, format("md_size is %u: give 8, 16, 32, 64 or 128", given.md_size));
    bdev.blocklen = block_size + given.md_size;
    bdev.blockcnt = given.size / block_size;
    bdev.uuid = given.uuid;
    bdev.flags = BDK_BDEV_FUA;
    bdev.phys_blocklen = physical != 0 ? physical : block_size;
    if (given.md_size != 0) bdev.flags |= BDK_BDEV_MD_INTERLEAVED;
    bdev.md_len = given.md_size;
    if (given.dif_type == 0) return;
    bdev.dif_type = given.dif_type;
    bdev.dif_pi_format = given.dif_pi_format;
    bdev.dif_check_flags = BDK_DIF_CHECK_GUARD;
    if (given.dif_type != 3) bdev.dif_check_flags |= BDK_DIF_CHECK_REFTAG;
    if (given.dif_check_app_tag) bdev.dif_check_flags |= BDK_DIF_CHECK_APPTAG;
    if (given.dif_is_head_of_md) bdev.flags |= BDK_BDEV_DIF_HEAD_OF_MD;
}

/// A null disk. With `has_pi` it generates protection information for reads and checks it for writes.
template <bool has_pi>
class NullDisk : public bdevkit::Bdev<NullDisk<has_pi>> {
    using Base = bdevkit::Bdev<NullDisk>;

public:
    static constexpr const char* product_name = "Null disk";
    static constexpr uint64_t io_types =
        bdevkit::io_types(IoType::read, IoType::write, IoType::flush, IoType::unmap, IoType::write_zeroes,
                          IoType::reset, IoType::abort);

    class Channel {
    public:
        explicit Channel(NullDisk& disk) : batch_(disk, disk.name()) {}
        void queue(Io io) { batch_.add(io); }
        bool abort(bdk_bdev_io* io) { return batch_.abort(io); }

    private:
        bdevkit::IoBatch<NullDisk> batch_;
    };

    NullDisk(const char* name, const NullOptions& given) : Base(name) { apply(given, this->bdev()); }

    void submit(Channel& ch, Io io) {
        if (io.type() == IoType::read) {
            if (!io.has_buffer()) return this->template with_buffer<&NullDisk::read_zeroes>(io);
            if constexpr (has_pi) return read(ch, io);
        }
        if (has_pi && io.type() == IoType::write) return write(ch, io);
        if (io.type() == IoType::abort)
            return io.complete(ch.abort(io->u.abort.bio_to_abort) ? IoStatus::success : IoStatus::failed);
        ch.queue(io);
    }

    void prepare(Io) {}
    void work(Io) {}

    void resize(uint64_t num_blocks) { this->notify_resized(num_blocks); }

private:
    /// A buffer of the host may hold data of other I/O, so it is zeroed.
    void read_zeroes(Channel& ch, Io io) {
        for (const iovec& piece : io.iovs())
            std::memset(piece.iov_base, 0, piece.iov_len);
        read(ch, io);
    }

    /// Generates valid protection information for the content of the buffer.
    void read(Channel& ch, Io io) {
        if (has_pi) bdevkit::check(bdk_bdev_io_dif_generate(io.get()), "bdk_bdev_io_dif_generate");
        ch.queue(io);
    }

    void write(Channel& ch, Io io) {
        bdk_dif_error error{};
        error.size = sizeof(error);
        const int rc = bdk_bdev_io_dif_verify(io.get(), &error);
        if (rc == -EILSEQ) return bdk_bdev_io_complete_dif_error(io.get(), &error);
        bdevkit::check(rc, "bdk_bdev_io_dif_verify");
        ch.queue(io);
    }
};

struct Null {
    using Options = NullOptions;
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(size, "Bytes of data on the disk, a multiple of block_size.").required().min(512),
        BDEVKIT_OPTION(block_size, "Bytes of data per block, a power of two.")
            .defaults_to("512")
            .min(512)
            .max(65536),
        BDEVKIT_OPTION(uuid, "The bdev's UUID; made from its name when not given."),
        BDEVKIT_OPTION(physical_block_size, "Bytes that are written atomically, a power of two."),
        BDEVKIT_OPTION(md_size, "Bytes of metadata after each block's data: 0, 8, 16, 32, 64 or 128.")
            .max(128),
        BDEVKIT_OPTION(dif_type, "Type of the protection information, 1 to 3; 0 for none.").max(3),
        BDEVKIT_OPTION(dif_is_head_of_md, "Protection information is at the head of the metadata."),
        BDEVKIT_OPTION(dif_pi_format, "0: 8 bytes with a CRC-16, 1: 16 bytes with a CRC-32C.").max(1),
        BDEVKIT_OPTION(dif_check_app_tag, "Also checks that application tags are 0."),
    };

    static int create(bdk_create*, const char* name, const Options& given) {
        return given.dif_type != 0 ? NullDisk<true>::make(name, given) : NullDisk<false>::make(name, given);
    }
};

}  // namespace

BDEVKIT_MODULE(Null, .name = "null", .version = "1.0.0",
               .description = "Completes every I/O without storing anything", .author = "bdevkit",
               .license = "BSD-3-Clause");

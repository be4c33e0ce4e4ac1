// SPDX-License-Identifier: BSD-3-Clause
// A malloc disk whose blocks have metadata, with protection information (PI) in them if asked for.
//
// Data and metadata are stored separately, whether or not the client sees them interleaved. The PI of an
// unwritten block marks it as such: an application tag of 0xFFFF, a reference tag of all ones and the guard
// of zeroes. Metadata are stored as the difference (XOR) from the metadata of an unwritten block. So memory
// that is all zero represents unwritten blocks, and a large disk takes no space until it is written.
#include <bdevkit/bdevkit.hpp>
#include <bdevkit/iov_cursor.hpp>

#include <array>
#include <cstring>

#include "memory.hpp"
#include "options.hpp"
#include "zeroing.hpp"

namespace {

using bdevkit::Error;
using bdevkit::Io;
using bdevkit::IoStatus;
using bdevkit::IoType;
using bdevkit::IovCursor;

constexpr uint32_t max_md_size = 128;
using Metadata = std::array<std::byte, max_md_size>;  ///< of one block, up to md_size bytes

class MetadataMalloc : public bdevkit::Bdev<MetadataMalloc> {
public:
    static constexpr const char* product_name = "Malloc disk";
    /// Without zcopy, because the memory that it would lend has no metadata.
    static constexpr uint64_t io_types =
        bdevkit::io_types(IoType::read, IoType::write, IoType::flush, IoType::unmap, IoType::write_zeroes,
                          IoType::compare, IoType::copy, IoType::reset, IoType::abort);

    using Channel = ZeroingChannel<MetadataMalloc>;

    MetadataMalloc(const char* name, const MallocOptions& given)
        : Bdev(name),
          data_size_(given.block_size),
          md_size_(given.md_size),
          interleaved_(given.md_interleave),
          data_(given.size),
          md_(given.size / given.block_size * given.md_size) {
        apply(given, bdev());
        bdev().md_len = md_size_;
        if (interleaved_) {
            bdev().blocklen += md_size_;
            bdev().flags |= BDK_BDEV_MD_INTERLEAVED;
            if (bdev().phys_blocklen == 0) bdev().phys_blocklen = data_size_;
        }
        if (given.dif_type == 0) return;
        bdev().dif_type = given.dif_type;
        bdev().dif_pi_format = given.dif_pi_format;
        bdev().dif_check_flags = BDK_DIF_CHECK_GUARD;
        if (given.dif_type != 3) bdev().dif_check_flags |= BDK_DIF_CHECK_REFTAG;
        if (given.dif_check_app_tag) bdev().dif_check_flags |= BDK_DIF_CHECK_APPTAG;
        if (given.dif_is_head_of_md) bdev().flags |= BDK_BDEV_DIF_HEAD_OF_MD;
        describe_unwritten_block();
    }

    uint32_t data_block_size() const noexcept { return data_size_; }

    /// Zeroes `count` blocks of the I/O's range from its block `first` on: they are unwritten again.
    void zero(Io io, uint64_t first, uint64_t count) const noexcept {
        const uint64_t block = io.offset_blocks() + first;
        data_.zero_for(io, block * data_size_, count * data_size_);
        md_.zero_for(io, block * md_size_, count * md_size_);
    }

    void submit(Channel& ch, Io io) {
        switch (io.type()) {
            case IoType::read:
                return io.has_buffer() ? read(ch, io) : with_buffer<&MetadataMalloc::read>(io);
            case IoType::write:
                return write(io);
            case IoType::unmap:
            case IoType::write_zeroes:
                return ch.zero(io);
            case IoType::compare:
                return compare(io);
            case IoType::copy:
                return copy(io);
            case IoType::abort:
                return io.complete(ch.abort(io->u.abort.bio_to_abort) ? IoStatus::success : IoStatus::failed);
            case IoType::reset:
                return for_each_channel([](Channel& channel) { channel.abort_all(); },
                                        [io] { io.complete(); });
            default:
                return io.complete();  // flush: there is nothing to do for data in memory
        }
    }

private:
    struct DifError : bdk_dif_error {
        DifError() : bdk_dif_error{} { size = sizeof(bdk_dif_error); }
    };

    bool has_pi() const noexcept { return bdev().dif_type != 0; }
    /// False if the client supplies no buffer for separate metadata.
    bool brings_metadata(Io io) const noexcept { return interleaved_ || io->u.bdev.md_buf != nullptr; }

    std::byte* data_at(uint64_t block) const noexcept { return data_.at(block * data_size_); }

    Metadata load_metadata(uint64_t block) const noexcept {
        Metadata md;
        const std::byte* stored = md_.at(block * md_size_);
        for (uint32_t i = 0; i < md_size_; i++)
            md[i] = stored[i] ^ unwritten_[i];
        return md;
    }

    void store_metadata(uint64_t block, const Metadata& md) const noexcept {
        std::byte* stored = md_.at(block * md_size_);
        for (uint32_t i = 0; i < md_size_; i++)
            stored[i] = md[i] ^ unwritten_[i];
    }

    /// The metadata of a block that was never written; all zero without PI.
    void describe_unwritten_block() {
        bdk_dif_ctx ctx{};
        ctx.size = sizeof(ctx);
        ctx.block_size = data_size_;
        ctx.md_size = md_size_;
        if ((bdev().flags & BDK_BDEV_DIF_HEAD_OF_MD) != 0) ctx.flags = BDK_DIF_HEAD_OF_MD;
        ctx.dif_type = bdev().dif_type;
        ctx.pi_format = bdev().dif_pi_format;
        ctx.app_tag = UINT16_MAX;
        ctx.ref_tag = ctx.pi_format == BDK_DIF_PI_FORMAT_16 ? UINT32_MAX : UINT64_MAX;
        const iovec zeroes{data_.at(0), data_size_};
        // Invalid values have been logged, and registration will refuse them.
        bdk_dif_generate(&ctx, &zeroes, 1, unwritten_.data(), 1);
    }

    bdk_dif_ctx dif_of(uint64_t block, uint32_t check_flags) const noexcept {
        bdk_dif_ctx ctx{};
        ctx.size = sizeof(ctx);
        bdk_dif_ctx_init(&ctx, &bdev(), block, check_flags);
        ctx.block_size = data_size_;  // as they lie in memory
        ctx.flags &= ~uint32_t(BDK_DIF_MD_INTERLEAVED);
        return ctx;
    }

    /* ---- blocks to and from the client's buffers ---- */

    /// Calls fn(block, data, md) for each block of the I/O. The cursors point to the beginning of the block;
    /// after its data has been consumed, md points to its metadata. md is nullptr if the client supplies no
    /// metadata.
    template <class Fn>
    void for_each_block(Io io, Fn&& fn) const {
        iovec separate{io->u.bdev.md_buf, io.num_blocks() * md_size_};
        IovCursor data(io->u.bdev.iovs), separate_md(&separate);
        IovCursor* md = interleaved_ ? &data : brings_metadata(io) ? &separate_md : nullptr;
        const uint64_t end = io.offset_blocks() + io.num_blocks();
        for (uint64_t block = io.offset_blocks(); block < end; block++)
            if (!fn(block, data, md)) return;
    }

    void read(Channel&, Io io) {
        for_each_block(io, [this](uint64_t block, IovCursor& data, IovCursor* md) {
            data.write(data_at(block), data_size_);
            if (md != nullptr) md->write(load_metadata(block).data(), md_size_);
            return true;
        });
        DifError error;
        const int rc = brings_metadata(io) ? bdk_bdev_io_dif_verify(io.get(), &error)
                                           : verify_stored(io, io.offset_blocks(), error);
        complete_checked(io, rc, error);
    }

    void write(Io io) {
        DifError error;
        const int rc = brings_metadata(io) ? bdk_bdev_io_dif_verify(io.get(), &error) : 0;
        if (rc == 0)
            for_each_block(io, [this](uint64_t block, IovCursor& data, IovCursor* md) {
                data.read(data_at(block), data_size_);
                write_metadata(block, md);
                return true;
            });
        complete_checked(io, rc, error);
    }

    /// Stores the metadata of a block whose data has been stored. If the client supplies none, the disk
    /// generates PI; without PI the stored metadata stay.
    void write_metadata(uint64_t block, IovCursor* from) const {
        Metadata md{};
        if (from != nullptr) {
            from->read(md.data(), md_size_);
        } else if (has_pi()) {
            const bdk_dif_ctx ctx = dif_of(block, 0);
            const iovec data{data_at(block), data_size_};
            bdk_dif_generate(&ctx, &data, 1, md.data(), 1);
        } else {
            return;
        }
        store_metadata(block, md);
    }

    void compare(Io io) {
        bool equal = true;
        const auto differs = [&equal](IovCursor& cursor, const std::byte* ours, size_t length) {
            cursor.take(length, [&](const std::byte* theirs, size_t n) {
                equal = equal && std::memcmp(ours, theirs, n) == 0;
                ours += n;
            });
        };
        for_each_block(io, [&](uint64_t block, IovCursor& data, IovCursor* md) {
            differs(data, data_at(block), data_size_);
            if (md != nullptr) differs(*md, load_metadata(block).data(), md_size_);
            return equal;
        });
        io.complete(equal ? IoStatus::success : IoStatus::miscompare);
    }

    /* ---- blocks in memory ---- */

    /// Checks the PI of as many stored blocks as the I/O has, from `first` on.
    int verify_stored(Io io, uint64_t first, DifError& error) const {
        int rc = 0;
        for (uint64_t i = 0; has_pi() && rc == 0 && i < io.num_blocks(); i++) {
            const bdk_dif_ctx ctx = dif_of(first + i, io->u.bdev.dif_check_flags);
            const iovec data{data_at(first + i), data_size_};
            const Metadata md = load_metadata(first + i);
            rc = bdk_dif_verify(&ctx, &data, 1, md.data(), 1, &error);
            error.block = i;
        }
        return rc;
    }

    /// Copies metadata with the data; reference tags are remapped to the new place.
    void copy(Io io) {
        const uint64_t from = io->u.bdev.src_offset_blocks;
        const uint64_t to = io.offset_blocks();
        DifError error;
        const int rc = verify_stored(io, from, error);
        if (rc == 0) {
            std::memmove(data_at(to), data_at(from), io.num_blocks() * data_size_);
            std::memmove(md_.at(to * md_size_), md_.at(from * md_size_), io.num_blocks() * md_size_);
            for (uint64_t i = 0; has_pi() && i < io.num_blocks(); i++)
                remap_stored(from + i, to + i);
        }
        complete_checked(io, rc, error);
    }

    /// The block at `to` comes from `from`.
    void remap_stored(uint64_t from, uint64_t to) const {
        const bdk_dif_ctx ctx = dif_of(from, 0);
        const iovec data{data_at(to), data_size_};
        Metadata md = load_metadata(to);
        bdk_dif_remap_ref_tag(&ctx, &data, 1, md.data(), 1, to, nullptr);
        store_metadata(to, md);
    }

    static void complete_checked(Io io, int rc, const DifError& error) {
        if (rc == -EILSEQ) return bdk_bdev_io_complete_dif_error(io.get(), &error);
        io.complete_errno(rc);
    }

    uint32_t data_size_;  ///< bytes per block
    uint32_t md_size_;    ///< bytes per block
    bool interleaved_;
    Memory data_;
    Memory md_;
    Metadata unwritten_{};
};

}  // namespace

int create_with_metadata(const char* name, const MallocOptions& given) {
    if (!std::has_single_bit(given.md_size) || given.md_size < 8)
        throw Error(EINVAL, bdevkit::format("md_size is %u%s: give 8, 16, 32, 64 or 128", given.md_size,
                                            given.dif_type != 0 ? ", and dif_type needs metadata" : ""));
    return MetadataMalloc::make(name, given);
}

// SPDX-License-Identifier: BSD-3-Clause
/// @file transform_bdev.hpp
/// A virtual bdev that changes the data on their way.
#pragma once

#include <bdevkit/memory.h>
#include <bdevkit/iov_cursor.hpp>
#include <bdevkit/virtual_bdev.hpp>

#include <cstddef>
#include <span>
#include <vector>

namespace BDEVKIT_HIDDEN bdevkit {

/**
 * A virtual bdev whose base holds its data in another form of the same length:
 *
 *     class Xor : public bdevkit::TransformBdev<Xor>
 *
 * has two members, both [channel's thread]: from our form to the base's, and back.
 *
 *     void encode(std::span<std::byte> data, uint64_t offset) const
 *     void decode(std::span<std::byte> data, uint64_t offset) const
 *
 * Both change `data` in place; they get a request in pieces of one or more whole blocks, `offset` being where
 * on the bdev, in bytes, the piece starts. If they need what each thread has of its own, the channel comes
 * first: encode(Channel&, data, offset) const. A write is encoded in a buffer of the host's, so that the
 * client's stays as it was; a read is decoded in the client's. Reads, writes, flushes, resets and aborts
 * pass; what else moves data the core makes of reads and writes. Unmapped blocks read as whatever decode()
 * makes of the base's. A base with metadata is refused, since protection information would not fit the other
 * form.
 *
 * A module that wants to know when a read or a write has ended has
 *
 *     void on_io_done(Io io, bool success)   the base has ended it, the caller hears of it next
 *
 * and one with a context of its own per I/O derives it from TransformBdev::IoContext.
 */
template <class Derived>
class TransformBdev : public VirtualBdev<Derived> {
    using Base = VirtualBdev<Derived>;

public:
    struct Channel : Base::Channel {
        explicit Channel(TransformBdev& bdev)
            : Base::Channel(bdev), block(bdev.bdev().blocklen), iobuf(bdk_iobuf_channel_open(bdev.name())) {
            if (iobuf == nullptr) throw Error(ENOMEM, "no iobuf channel to be had");
        }
        ~Channel() { bdk_iobuf_channel_close(iobuf); }
        Channel(const Channel&) = delete;
        Channel& operator=(const Channel&) = delete;

        std::vector<std::byte> block;  ///< for one that lies in several pieces
        bdk_iobuf_channel* iobuf;
        uint64_t copies = 0;  ///< of writes in flight
    };

    /// The encoded copy of a write.
    struct IoContext {
        Channel* channel;
        iovec copy;
        bool on_heap;
    };

    bool io_type_supported(IoType type) const {
        constexpr uint64_t passed =
            io_types(IoType::read, IoType::write, IoType::flush, IoType::unmap, IoType::reset, IoType::abort);
        return (passed & io_types(type)) != 0 && Base::io_type_supported(type);
    }

    void submit(Channel& ch, Io io) {
        static_assert(std::is_base_of_v<typename TransformBdev::IoContext, typename Derived::IoContext>,
                      "derive the module's IoContext from TransformBdev's");
        switch (io.type()) {
            case IoType::read:
                return this->template with_buffer<&TransformBdev::read>(io);
            case IoType::write:
                return write(ch, io);
            default:
                return this->forward(ch, io);
        }
    }

protected:
    /// [app thread] As VirtualBdev's.
    TransformBdev(const char* name, const char* base) : Base(name, base) {
        bdk_bdev& own = this->bdev();
        if (own.md_len != 0)
            throw Error(ENOTSUP, format("bdev '%s' has metadata: give it a base without", base));
        const auto largest = uint32_t(bdk_iobuf_max_len() / own.blocklen);
        own.max_rw_size = own.max_rw_size == 0 ? largest : std::min(own.max_rw_size, largest);
    }
    ~TransformBdev() = default;

private:
    void read(Channel& ch, Io io) {
        io.context<IoContext>() = {&ch, {}, false};
        this->template forward_then<&TransformBdev::decode_read>(ch, io);
    }

    void decode_read(Io io, bool success) {
        Channel& ch = *io.context<IoContext>().channel;
        const size_t block = this->bdev().blocklen;
        const uint64_t begin = io.offset_blocks() * block, end = begin + io.num_blocks() * block;
        IovCursor cursor(io.iovs().data());
        for (uint64_t at = success ? begin : end; at < end;) {
            const size_t whole = std::min<uint64_t>(cursor.contiguous(), end - at) / block * block;
            if (whole == 0)
                decode_scattered(ch, cursor, at);
            else
                cursor.take(whole, [&](std::byte* data, size_t n) { decode_with(ch, {data, n}, at); });
            at += std::max(whole, block);
        }
        tell_done(io, success);
        io.complete_like(io);
    }

    void decode_scattered(Channel& ch, IovCursor& cursor, uint64_t offset) {
        IovCursor back = cursor;
        cursor.read(ch.block.data(), ch.block.size());
        decode_with(ch, ch.block, offset);
        back.write(ch.block.data(), ch.block.size());
    }

    void encode_with(Channel& ch, std::span<std::byte> data, uint64_t offset) const {
        auto& own = static_cast<typename Derived::Channel&>(ch);
        if constexpr (requires { self().encode(own, data, offset); })
            self().encode(own, data, offset);
        else
            self().encode(data, offset);
    }

    void decode_with(Channel& ch, std::span<std::byte> data, uint64_t offset) const {
        auto& own = static_cast<typename Derived::Channel&>(ch);
        if constexpr (requires { self().decode(own, data, offset); })
            self().decode(own, data, offset);
        else
            self().decode(data, offset);
    }

    /// A write waits for the buffers of others on its channel. The first one does not: I/Os of the bdevs
    /// above, which wait for it, may hold all of iobuf.
    static IoContext take_copy(Channel& ch, uint64_t length) noexcept {
        void* buffer = bdk_iobuf_get(ch.iobuf, length, nullptr);
        const bool on_heap = buffer == nullptr && ch.copies == 0;
        if (on_heap) buffer = bdk_dma_malloc(length, 4096, BDK_NUMA_ANY);
        if (buffer != nullptr) ch.copies++;
        return {&ch, {buffer, length}, on_heap};
    }

    static void give_back(const IoContext& context) noexcept {
        context.channel->copies--;
        if (context.on_heap)
            bdk_dma_free(context.copy.iov_base);
        else
            bdk_iobuf_put(context.channel->iobuf, context.copy.iov_base, context.copy.iov_len);
    }

    void write(Channel& ch, Io io) {
        const uint64_t length = io.num_blocks() * this->bdev().blocklen;
        auto& context = io.context<IoContext>();
        context = take_copy(ch, length);
        void* buffer = context.copy.iov_base;
        if (buffer == nullptr) return io.complete(IoStatus::nomem);

        auto* end = static_cast<std::byte*>(buffer);
        for (const iovec& piece : io.iovs()) {
            std::memcpy(end, piece.iov_base, piece.iov_len);
            end += piece.iov_len;
        }
        int rc = detail::guarded_for<Derived>("encode", [&] {
            encode_with(ch, {static_cast<std::byte*>(buffer), length},
                        io.offset_blocks() * this->bdev().blocklen);
        });
        bdk_bdev_io_opts opts{};
        opts.size = sizeof(opts);
        opts.flags = io->u.bdev.flags & BDK_BDEV_IO_FUA;
        if (rc == 0)
            rc = bdk_bdev_writev_blocks(ch.base_desc, ch.base.get(), &context.copy, 1, io.offset_blocks(),
                                        io.num_blocks(), &opts, written, io.get());
        if (rc == 0) return;
        give_back(context);
        io.complete_errno(rc);
    }

    static void written(bdk_bdev_io* base_io, bool success, void* arg) noexcept {
        const Io io(static_cast<bdk_bdev_io*>(arg));
        give_back(io.context<IoContext>());
        tell_done(io, success);
        io.complete_like(Io(base_io));
        bdk_bdev_free_io(base_io);
    }

    static void tell_done(Io io, bool success) noexcept {
        if constexpr (requires(Derived & bdev) { bdev.on_io_done(io, success); })
            detail::guarded_for<Derived>("on_io_done",
                                         [&] { TransformBdev::of(io).on_io_done(io, success); });
    }

    const Derived& self() const noexcept { return static_cast<const Derived&>(*this); }
};

}  // namespace bdevkit

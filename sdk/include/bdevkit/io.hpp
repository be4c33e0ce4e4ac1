// SPDX-License-Identifier: BSD-3-Clause
/// @file io.hpp
/// One I/O, as a module sees it in submit().
#pragma once

#include <bdevkit/bdev_io.h>
#include <bdevkit/visibility.hpp>

#include <cstddef>
#include <span>
#include <type_traits>

namespace BDEVKIT_HIDDEN bdevkit {

/// Types of I/O. A later host may bring others: have a default in each switch.
enum class IoType : uint32_t {
    read = BDK_BDEV_IO_TYPE_READ,
    write = BDK_BDEV_IO_TYPE_WRITE,
    unmap = BDK_BDEV_IO_TYPE_UNMAP,
    flush = BDK_BDEV_IO_TYPE_FLUSH,
    reset = BDK_BDEV_IO_TYPE_RESET,
    nvme_admin = BDK_BDEV_IO_TYPE_NVME_ADMIN,
    nvme_io = BDK_BDEV_IO_TYPE_NVME_IO,
    nvme_io_md = BDK_BDEV_IO_TYPE_NVME_IO_MD,
    write_zeroes = BDK_BDEV_IO_TYPE_WRITE_ZEROES,
    zcopy = BDK_BDEV_IO_TYPE_ZCOPY,
    get_zone_info = BDK_BDEV_IO_TYPE_GET_ZONE_INFO,
    zone_management = BDK_BDEV_IO_TYPE_ZONE_MANAGEMENT,
    zone_append = BDK_BDEV_IO_TYPE_ZONE_APPEND,
    compare = BDK_BDEV_IO_TYPE_COMPARE,
    compare_and_write = BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE,
    abort = BDK_BDEV_IO_TYPE_ABORT,
    seek_hole = BDK_BDEV_IO_TYPE_SEEK_HOLE,
    seek_data = BDK_BDEV_IO_TYPE_SEEK_DATA,
    copy = BDK_BDEV_IO_TYPE_COPY,
    nvme_iov_md = BDK_BDEV_IO_TYPE_NVME_IOV_MD,
};

/// The set of types that a bdev takes, as struct bdk_bdev::io_type_supported holds it.
template <class... Types>
requires(std::is_same_v<Types, IoType>&&...) constexpr uint64_t io_types(Types... types) noexcept {
    return (BDK_BDEV_IO_TYPE_BIT(uint32_t(types)) | ...);
}

/// The types that this header knows. A layer passes on no others: a type that comes later may reach further
/// than a layer that was written before it allows.
inline constexpr uint64_t known_io_types =
    io_types(IoType::read, IoType::write, IoType::unmap, IoType::flush, IoType::reset, IoType::nvme_admin,
             IoType::nvme_io, IoType::nvme_io_md, IoType::write_zeroes, IoType::zcopy, IoType::get_zone_info,
             IoType::zone_management, IoType::zone_append, IoType::compare, IoType::compare_and_write,
             IoType::abort, IoType::seek_hole, IoType::seek_data, IoType::copy, IoType::nvme_iov_md);

/// Whether a set has the type; false for a type beyond the 64 that a set can hold.
constexpr bool has_io_type(uint64_t types, IoType type) noexcept {
    return uint32_t(type) < 64 && (types & BDK_BDEV_IO_TYPE_BIT(uint32_t(type))) != 0;
}

/// How an I/O ends.
enum class IoStatus : int32_t {
    success = BDK_BDEV_IO_STATUS_SUCCESS,
    failed = BDK_BDEV_IO_STATUS_FAILED,
    nomem = BDK_BDEV_IO_STATUS_NOMEM,  ///< the core submits the I/O again later
    miscompare = BDK_BDEV_IO_STATUS_MISCOMPARE,
    first_fused_failed = BDK_BDEV_IO_STATUS_FIRST_FUSED_FAILED,
    aborted = BDK_BDEV_IO_STATUS_ABORTED,
};

/// A handle on an I/O that a module has been given: copy it freely, complete it once.
class Io {
public:
    explicit Io(bdk_bdev_io* io) noexcept : io_(io) {}

    IoType type() const noexcept { return IoType(io_->type); }
    uint64_t offset_blocks() const noexcept { return io_->u.bdev.offset_blocks; }
    uint64_t num_blocks() const noexcept { return io_->u.bdev.num_blocks; }
    bool has_flag(uint32_t flag) const noexcept { return (io_->u.bdev.flags & flag) != 0; }

    /// The data, in pieces of any length.
    std::span<iovec> iovs() const noexcept { return {io_->u.bdev.iovs, size_t(io_->u.bdev.iovcnt)}; }
    /// False for a read that wants a buffer from the host: Bdev::with_buffer().
    bool has_buffer() const noexcept {
        return io_->u.bdev.iovcnt > 0 && io_->u.bdev.iovs[0].iov_base != nullptr;
    }

    /// The module's own bytes in the I/O. Neither cleared nor constructed before submit().
    template <class Context>
    Context& context() const noexcept {
        static_assert(std::is_trivially_destructible_v<Context>, "nobody destroys the context of an I/O");
        static_assert(alignof(Context) <= 16);
        return *static_cast<Context*>(io_->driver_ctx);
    }

    /// [the submitter's thread] Ends the I/O.
    void complete(IoStatus status = IoStatus::success) const noexcept {
        bdk_bdev_io_complete(io_, int32_t(status));
    }
    /// [the submitter's thread] Ends it with 0 or a negative errno; after -ENOMEM the core submits it again
    /// later.
    void complete_errno(int rc) const noexcept { bdk_bdev_io_complete_aio_status(io_, rc); }
    /// [the submitter's thread] Ends it as `base` has ended, in every detail.
    void complete_like(Io base) const noexcept { bdk_bdev_io_complete_base_io_status(io_, base.io_); }

    bdk_bdev_io* get() const noexcept { return io_; }
    bdk_bdev_io* operator->() const noexcept { return io_; }
    bool operator==(const Io&) const noexcept = default;

private:
    bdk_bdev_io* io_;
};

}  // namespace bdevkit

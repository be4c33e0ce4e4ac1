// SPDX-License-Identifier: BSD-3-Clause
#include "operation.hpp"

#include <bdevkit/zone.h>

#include <cerrno>

namespace bdevkit::python {

int submit(const Operation& op, bdk_bdev_desc* desc, bdk_io_channel* ch, bdk_bdev_io_completion_cb cb,
           void* arg) {
    // The ABI's iovecs and buffers are not const, although it does not change them.
    auto* data = const_cast<iovec*>(&op.data);
    auto* second = const_cast<iovec*>(&op.second);
    bdk_bdev_io_opts opts{.size = sizeof(opts), .flags = op.flags, .md_buf = op.metadata.iov_base};
    const auto md_length = static_cast<uint32_t>(op.metadata.iov_len);
    switch (op.type) {
        case BDK_BDEV_IO_TYPE_READ:
            return bdk_bdev_readv_blocks(desc, ch, data, 1, op.offset, op.length, &opts, cb, arg);
        case BDK_BDEV_IO_TYPE_WRITE:
            return bdk_bdev_writev_blocks(desc, ch, data, 1, op.offset, op.length, &opts, cb, arg);
        case BDK_BDEV_IO_TYPE_UNMAP:
            return bdk_bdev_unmap_blocks(desc, ch, op.offset, op.length, nullptr, cb, arg);
        case BDK_BDEV_IO_TYPE_FLUSH:
            return bdk_bdev_flush_blocks(desc, ch, op.offset, op.length, nullptr, cb, arg);
        case BDK_BDEV_IO_TYPE_RESET:
            return bdk_bdev_reset(desc, ch, nullptr, cb, arg);
        case BDK_BDEV_IO_TYPE_WRITE_ZEROES:
            return bdk_bdev_write_zeroes_blocks(desc, ch, op.offset, op.length, &opts, cb, arg);
        case BDK_BDEV_IO_TYPE_COMPARE:
            return bdk_bdev_comparev_blocks(desc, ch, data, 1, op.offset, op.length, &opts, cb, arg);
        case BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE:
            return bdk_bdev_comparev_and_writev_blocks(desc, ch, data, 1, second, 1, op.offset, op.length,
                                                       nullptr, cb, arg);
        case BDK_BDEV_IO_TYPE_COPY:
            return bdk_bdev_copy_blocks(desc, ch, op.offset, op.source, op.length, nullptr, cb, arg);
        case BDK_BDEV_IO_TYPE_ABORT:
            return bdk_bdev_abort(desc, ch, nullptr, nullptr, cb, arg);
        case BDK_BDEV_IO_TYPE_SEEK_DATA:
            return bdk_bdev_seek_data(desc, ch, op.offset, nullptr, cb, arg);
        case BDK_BDEV_IO_TYPE_SEEK_HOLE:
            return bdk_bdev_seek_hole(desc, ch, op.offset, nullptr, cb, arg);
        case BDK_BDEV_IO_TYPE_ZCOPY:
            if (op.borrowed != nullptr)
                return bdk_bdev_zcopy_end(op.borrowed, (op.flags & BDK_BDEV_IO_ZCOPY_COMMIT) != 0, nullptr,
                                          cb, arg);
            return bdk_bdev_zcopy_start(desc, ch, op.offset, op.length,
                                        (op.flags & BDK_BDEV_IO_ZCOPY_POPULATE) != 0, nullptr, cb, arg);
        case BDK_BDEV_IO_TYPE_GET_ZONE_INFO:
            return bdk_bdev_get_zone_info(desc, ch, op.offset, op.zones,
                                          static_cast<bdk_bdev_zone_info*>(op.data.iov_base),
                                          sizeof(bdk_bdev_zone_info), nullptr, cb, arg);
        case BDK_BDEV_IO_TYPE_ZONE_MANAGEMENT:
            return bdk_bdev_zone_management(desc, ch, op.offset, op.zones, nullptr, cb, arg);
        case BDK_BDEV_IO_TYPE_ZONE_APPEND:
            return bdk_bdev_zone_appendv(desc, ch, data, 1, op.offset, op.length, &opts, cb, arg);
        case BDK_BDEV_IO_TYPE_NVME_ADMIN:
            return bdk_bdev_nvme_admin_passthru(desc, ch, op.command.data(), op.data.iov_base,
                                                op.data.iov_len, nullptr, cb, arg);
        case BDK_BDEV_IO_TYPE_NVME_IO:
            return bdk_bdev_nvme_io_passthru(desc, ch, op.command.data(), op.data.iov_base, op.data.iov_len,
                                             nullptr, cb, arg);
        case BDK_BDEV_IO_TYPE_NVME_IO_MD:
            return bdk_bdev_nvme_io_passthru_md(desc, ch, op.command.data(), op.data.iov_base,
                                                op.data.iov_len, op.metadata.iov_base, md_length, nullptr, cb,
                                                arg);
        default:
            return -ENOTSUP;
    }
}

Outcome take_outcome(bdk_bdev_io* io, bool success) {
    Outcome outcome{.status = bdk_bdev_io_get_status(io)};
    if (!success) [[unlikely]] {
        bdk_bdev_io_get_nvme_status(io, &outcome.cdw0, &outcome.sct, &outcome.sc);
        outcome.error = -bdk_bdev_io_get_aio_status(io);
        if (outcome.error == 0) outcome.error = EIO;
        bdk_bdev_free_io(io);
        return outcome;
    }
    switch (io->type) {
        case BDK_BDEV_IO_TYPE_SEEK_DATA:
        case BDK_BDEV_IO_TYPE_SEEK_HOLE:
            outcome.value = bdk_bdev_io_get_seek_offset(io);
            break;
        case BDK_BDEV_IO_TYPE_ZONE_APPEND:
            outcome.value = bdk_bdev_io_get_append_location(io);
            break;
        case BDK_BDEV_IO_TYPE_GET_ZONE_INFO:
            outcome.value = bdk_bdev_io_get_num_zones(io);
            break;
        case BDK_BDEV_IO_TYPE_NVME_ADMIN:
        case BDK_BDEV_IO_TYPE_NVME_IO:
        case BDK_BDEV_IO_TYPE_NVME_IO_MD:
            bdk_bdev_io_get_nvme_status(io, &outcome.cdw0, &outcome.sct, &outcome.sc);
            break;
        case BDK_BDEV_IO_TYPE_ZCOPY:
            if ((io->u.bdev.flags & BDK_BDEV_IO_ZCOPY_START) == 0) break;
            bdk_bdev_io_get_iovec(io, &outcome.lent, &outcome.lent_count);
            outcome.borrowed = io;
            return outcome;
        default:
            break;
    }
    bdk_bdev_free_io(io);
    return outcome;
}

Outcome refusal(int rc) {
    return {.error = -rc};
}

}  // namespace bdevkit::python

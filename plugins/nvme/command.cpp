// SPDX-License-Identifier: BSD-3-Clause
#include "command.hpp"

#include <nvme/types.h>

#include <cstring>
#include <span>

namespace nvme {

namespace {

using bdevkit::Io, bdevkit::IoType;

constexpr uint32_t fua = 1u << 30;
constexpr uint32_t pi_by_controller = 1u << 29;
constexpr uint32_t pi_bytes = 8;
constexpr uint32_t remap_reftags = 1u << 25;  // in an append
constexpr uint32_t deallocate = 1u << 25;
constexpr uint32_t check_reftag = 1u << 26, check_apptag = 1u << 27, check_guard = 1u << 28;
constexpr uint32_t dsm_deallocate = 1u << 2;

uint32_t pi_checks(const bdk_bdev_io_block_params& params) {
    uint32_t checks = 0;
    if ((params.dif_check_flags & BDK_DIF_CHECK_GUARD) != 0) checks |= check_guard;
    if ((params.dif_check_flags & BDK_DIF_CHECK_APPTAG) != 0) checks |= check_apptag;
    if ((params.dif_check_flags & BDK_DIF_CHECK_REFTAG) != 0) checks |= check_reftag;
    return checks;
}

Command on_blocks(Io io, const Namespace& ns, uint8_t opcode) {
    const uint64_t first = io.offset_blocks();
    return {.opcode = opcode,
            .nsid = ns.id,
            .cdw10 = uint32_t(first),
            .cdw11 = uint32_t(first >> 32),
            .cdw12 = uint32_t(io.num_blocks() - 1)};
}

Request transfer(Io io, const Namespace& ns, uint8_t opcode, std::span<const iovec> iovs) {
    Request request{on_blocks(io, ns, opcode), {}};
    const bdk_bdev_io_block_params& params = io->u.bdev;
    if (io.has_flag(BDK_BDEV_IO_FUA)) request.command.cdw12 |= fua;
    if (ns.pi_type != 0) {
        request.command.cdw12 |= pi_checks(params);
        request.command.cdw14 = uint32_t(io.offset_blocks());  // the reference tag of the first block
    }
    Data& data = request.data;
    data.bytes = uint32_t(io.num_blocks() * ns.block_size);
    if (iovs.size() == 1) {
        data.buf = iovs.front().iov_base;
    } else {
        data.iovs = iovs.data();
        data.iovcnt = uint32_t(iovs.size());
    }
    if (ns.md_size == 0 || ns.md_interleaved) return request;
    if (params.md_buf == nullptr && ns.pi_type != 0 && ns.md_size == pi_bytes) {
        request.command.cdw12 |= pi_by_controller;
    } else {
        data.md = params.md_buf;
        data.md_bytes = uint32_t(io.num_blocks() * ns.md_size);
    }
    return request;
}

Request transfer(Io io, const Namespace& ns, uint8_t opcode) {
    return transfer(io, ns, opcode, io.iovs());
}

/// Reference tags count from the zone's first block. The controller changes them to those of the written
/// blocks.
Request append(Io io, const Namespace& ns) {
    Request request = transfer(io, ns, nvme_zns_cmd_append);
    if (ns.pi_type == 1 || ns.pi_type == 2) request.command.cdw12 |= remap_reftags;
    return request;
}

Request unmap(Io io, const Namespace& ns, DsmRange& range) {
    range = {0, uint32_t(io.num_blocks()), io.offset_blocks()};
    return {{.opcode = nvme_cmd_dsm, .nsid = ns.id, .cdw10 = 0, .cdw11 = dsm_deallocate},
            {.buf = &range, .bytes = sizeof(range)}};
}

Request copy(Io io, const Namespace& ns, CopyRange& range) {
    range = {};
    range.first_block = io->u.bdev.src_offset_blocks;
    range.blocks = uint16_t(io.num_blocks() - 1);
    Command command = on_blocks(io, ns, nvme_cmd_copy);
    command.cdw12 = 0;  // one range, of format 0
    return {command, {.buf = &range, .bytes = sizeof(range)}};
}

Request given(Io io, uint32_t nsid) {
    const bdk_bdev_io_nvme_passthru_params& params = io->u.nvme_passthru;
    Request request{};
    std::memcpy(&request.command, params.cmd, sizeof(request.command));
    request.command.nsid = nsid;
    request.data = {.buf = params.buf,
                    .iovs = params.iovs,
                    .iovcnt = uint32_t(params.iovcnt),
                    .bytes = uint32_t(params.nbytes),
                    .md = params.md_buf,
                    .md_bytes = params.md_nbytes};
    return request;
}

}  // namespace

Request request_of(Io io, const Namespace& ns, IoContext& context) {
    switch (io.type()) {
        case IoType::read:
            return transfer(io, ns, nvme_cmd_read);
        case IoType::write:
            return transfer(io, ns, nvme_cmd_write);
        case IoType::compare:
            return transfer(io, ns, nvme_cmd_compare);
        case IoType::unmap:
            return unmap(io, ns, context.unmap);
        case IoType::copy:
            return copy(io, ns, context.copy);
        case IoType::zone_append:
            return append(io, ns);
        case IoType::zone_management:
            return zone_management(io, ns);
        case IoType::get_zone_info:
            return next_report(io, context.report);
        case IoType::write_zeroes: {
            Command command = on_blocks(io, ns, nvme_cmd_write_zeroes);
            if (ns.zeroes_deallocate && !io.has_flag(BDK_BDEV_IO_NO_UNMAP)) command.cdw12 |= deallocate;
            return {command, {}};
        }
        case IoType::nvme_admin: {
            Request request = given(io, 0);
            std::memcpy(&request.command.nsid, io->u.nvme_passthru.cmd + offsetof(Command, nsid),
                        sizeof(request.command.nsid));
            return request;
        }
        case IoType::nvme_io:
        case IoType::nvme_io_md:
        case IoType::nvme_iov_md:
            return given(io, ns.id);
        default:
            return {{.opcode = nvme_cmd_flush, .nsid = ns.id}, {}};
    }
}

std::pair<Request, Request> fused_requests_of(Io io, const Namespace& ns) {
    constexpr uint8_t first = 1, second = 2;
    const bdk_bdev_io_block_params& params = io->u.bdev;
    Request compare = transfer(io, ns, nvme_cmd_compare);
    Request write = transfer(io, ns, nvme_cmd_write, {params.fused_iovs, size_t(params.fused_iovcnt)});
    compare.command.flags = first;
    write.command.flags = second;
    return {compare, write};
}

bool is_repeatable(Io io) {
    const bool zoned = (io->bdev->flags & BDK_BDEV_ZONED) != 0;
    switch (io.type()) {
        case IoType::read:
        case IoType::flush:
        case IoType::unmap:
        case IoType::compare:
        case IoType::get_zone_info:
        case IoType::zone_management:
            return true;
        case IoType::write:
        case IoType::write_zeroes:
        case IoType::copy:
            return !zoned;
        default:
            return false;
    }
}

}  // namespace nvme

// SPDX-License-Identifier: BSD-3-Clause
#include "zones.hpp"

#include <bdevkit/zone.h>
#include <bdevkit/log.hpp>

#include <endian.h>
#include <nvme/types.h>

#include <algorithm>
#include <cstring>

#include "controller.hpp"

namespace nvme {

namespace {

using bdevkit::format, bdevkit::Io, bdevkit::IoStatus, bdevkit::IoType;

constexpr size_t header = sizeof(nvme_zone_report), descriptor = sizeof(nvme_zns_desc);
static_assert(sizeof(ZoneReport::last) == header + descriptor);

/// The memory for the descriptors of a command.
struct Place {
    std::byte* at;
    uint32_t zones;  ///< as many fit
};

Place place_of(Io io, ZoneReport& report) {
    const bdk_bdev_io_zone_mgmt_params& params = io->u.zone_mgmt;
    const uint64_t left = params.num_zones - report.done;
    const uint64_t room = left * params.info_size;
    // In elements that are longer, a descriptor would be overwritten before it has been read.
    const bool in_place = params.info_size <= descriptor && room >= header + descriptor;
    if (!in_place) return {report.last, 1};
    const uint64_t longest = uint64_t(io->bdev->max_rw_size) * io->bdev->blocklen;
    const uint64_t zones = (std::min(room, longest) - header) / descriptor;
    return {static_cast<std::byte*>(params.buf) + uint64_t{report.done} * params.info_size, uint32_t(zones)};
}

Command at_zone(uint8_t opcode, uint32_t nsid, uint64_t first_block) {
    return {
        .opcode = opcode, .nsid = nsid, .cdw10 = uint32_t(first_block), .cdw11 = uint32_t(first_block >> 32)};
}

uint32_t state_of(uint8_t state) {
    switch (state) {
        case NVME_ZNS_ZS_EMPTY:
            return BDK_BDEV_ZONE_STATE_EMPTY;
        case NVME_ZNS_ZS_IMPL_OPEN:
            return BDK_BDEV_ZONE_STATE_IMP_OPEN;
        case NVME_ZNS_ZS_EXPL_OPEN:
            return BDK_BDEV_ZONE_STATE_EXP_OPEN;
        case NVME_ZNS_ZS_CLOSED:
            return BDK_BDEV_ZONE_STATE_CLOSED;
        case NVME_ZNS_ZS_FULL:
            return BDK_BDEV_ZONE_STATE_FULL;
        case NVME_ZNS_ZS_READ_ONLY:
            return BDK_BDEV_ZONE_STATE_READ_ONLY;
        default:
            return BDK_BDEV_ZONE_STATE_OFFLINE;
    }
}

bdk_bdev_zone_info info_of(const nvme_zns_desc& zone) {
    bdk_bdev_zone_info info{.zone_id = le64toh(zone.zslba),
                            .write_pointer = le64toh(zone.wp),
                            .capacity = le64toh(zone.zcap),
                            .state = state_of(zone.zs >> 4),
                            .type = zone.zt & 0xfu};
    // NVMe leaves the write pointer undefined for a zone that takes no writes.
    const bool takes_writes =
        info.state == BDK_BDEV_ZONE_STATE_EMPTY || info.state == BDK_BDEV_ZONE_STATE_IMP_OPEN ||
        info.state == BDK_BDEV_ZONE_STATE_EXP_OPEN || info.state == BDK_BDEV_ZONE_STATE_CLOSED;
    if (!takes_writes) info.write_pointer = info.zone_id + info.capacity;
    return info;
}

void report_ended(Io io) {
    ZoneReport& report = io.context<IoContext>().report;
    if (!take_report(io, report)) {
        bdevkit::log(bdevkit::LogLevel::error, BDK_LOG_COMPONENT,
                     format("namespace %u describes fewer zones than it has", unsigned(report.nsid)));
        return io.complete_errno(-EIO);
    }
    if (report.done == io->u.zone_mgmt.num_zones) return io.complete();
    // No room in the queue: the core submits the whole report again later.
    if (!report.queue->submit(io, next_report(io, report), false)) io.complete(IoStatus::nomem);
}

}  // namespace

Request next_report(Io io, ZoneReport& report) {
    constexpr uint32_t no_more_than_asked = 1u << 16;
    const Place place = place_of(io, report);
    report.asked = place.zones;
    const auto bytes = uint32_t(header + place.zones * descriptor);
    Command command = at_zone(nvme_zns_cmd_mgmt_recv, report.nsid,
                              io->u.zone_mgmt.zone_id + report.done * io->bdev->zone_size);
    command.cdw12 = bytes / 4 - 1;
    command.cdw13 = no_more_than_asked | NVME_ZNS_ZRAS_REPORT_ALL << 8 | NVME_ZNS_ZRA_REPORT_ZONES;
    return {command, {.buf = place.at, .bytes = bytes}};
}

bool take_report(Io io, ZoneReport& report) {
    const std::byte* from = place_of(io, report).at;
    nvme_zone_report told;
    std::memcpy(&told, from, sizeof(told));
    if (le64toh(told.nr_zones) < report.asked) return false;
    for (uint32_t i = 0; i < report.asked; i++) {
        nvme_zns_desc zone;
        std::memcpy(&zone, from + header + i * descriptor, sizeof(zone));
        const bdk_bdev_zone_info info = info_of(zone);
        bdk_bdev_io_set_zone_info(io.get(), report.done + i, &info, sizeof(info));
    }
    report.done += report.asked;
    return true;
}

Request zone_management(Io io, const Namespace& ns) {
    // Both have the same numbers.
    static_assert(BDK_BDEV_ZONE_CLOSE == int(NVME_ZNS_ZSA_CLOSE));
    static_assert(BDK_BDEV_ZONE_FINISH == int(NVME_ZNS_ZSA_FINISH));
    static_assert(BDK_BDEV_ZONE_OPEN == int(NVME_ZNS_ZSA_OPEN));
    static_assert(BDK_BDEV_ZONE_RESET == int(NVME_ZNS_ZSA_RESET));
    static_assert(BDK_BDEV_ZONE_OFFLINE == int(NVME_ZNS_ZSA_OFFLINE));
    Command command = at_zone(nvme_zns_cmd_mgmt_send, ns.id, io->u.zone_mgmt.zone_id);
    command.cdw13 = io->u.zone_mgmt.zone_action;
    return {command, {}};
}

void on_command_ended(Io io, const Status& status) {
    if (status.success()) {
        if (io.type() == IoType::get_zone_info) return report_ended(io);
        if (io.type() == IoType::zone_append) bdk_bdev_io_set_append_location(io.get(), status.result);
    }
    bdk_bdev_io_complete_nvme_status(io.get(), uint32_t(status.result), status.sct(), status.sc());
}

}  // namespace nvme

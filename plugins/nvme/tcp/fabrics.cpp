// SPDX-License-Identifier: BSD-3-Clause
#include "fabrics.hpp"

#include <bdevkit/log.hpp>

#include <algorithm>
#include <cstring>

namespace nvme::tcp {

using bdevkit::format;

namespace {

constexpr uint8_t connect_invalid_parameter = 0x82, connect_invalid_host = 0x84;

}  // namespace

Command fabrics_command(nvme_fctype type) {
    return {.opcode = nvme_admin_fabrics, .nsid = uint32_t(type)};
}

Command connect_command(uint16_t queue, uint32_t size, std::chrono::milliseconds keep_alive) {
    constexpr uint32_t no_flow_control = 1u << 2;
    Command command = fabrics_command(nvme_fabrics_type_connect);
    command.cdw10 = uint32_t(queue) << 16;
    command.cdw11 = (size - 1) | no_flow_control << 16;
    if (queue == 0) command.cdw12 = uint32_t(keep_alive.count());
    return command;
}

nvmf_connect_data connect_data(const Target& target, uint16_t controller) {
    nvmf_connect_data data{};
    std::copy(target.host_id.begin(), target.host_id.end(), data.hostid);
    data.cntlid = controller;
    target.subsystem.copy(data.subsysnqn, sizeof(data.subsysnqn) - 1);
    target.host_nqn.copy(data.hostnqn, sizeof(data.hostnqn) - 1);
    return data;
}

Command property_get(uint32_t at, bool wide) {
    Command command = fabrics_command(nvme_fabrics_type_property_get);
    command.cdw10 = wide ? 1 : 0;
    command.cdw11 = at;
    return command;
}

Command property_set(uint32_t at, uint32_t value) {
    Command command = fabrics_command(nvme_fabrics_type_property_set);
    command.cdw11 = at;
    command.cdw12 = value;
    return command;
}

Command identify_command(uint32_t cns, uint32_t nsid) {
    return {.opcode = nvme_admin_identify, .nsid = nsid, .cdw10 = cns};
}

Command log_page(uint8_t page, uint32_t bytes) {
    const uint32_t dwords = bytes / 4 - 1;
    return {.opcode = nvme_admin_get_log_page,
            .nsid = NVME_NSID_ALL,
            .cdw10 = page | (dwords & 0xffff) << 16,
            .cdw11 = dwords >> 16};
}

Command set_feature(uint8_t feature, uint32_t value) {
    return {.opcode = nvme_admin_set_features, .cdw10 = feature, .cdw11 = value};
}

std::string status_text(const Result& result) {
    return format("NVMe status (sct %u, sc 0x%x)", result.sct, result.sc);
}

bool refuses_subsystem(const Result& result) {
    constexpr uint32_t in_data = 1u << 16;
    return result.sct == NVME_SCT_CMD_SPECIFIC && result.sc == connect_invalid_parameter &&
           uint32_t(result.result) == (in_data | offsetof(nvmf_connect_data, subsysnqn));
}

std::string connect_refusal(const Result& result, const Target& target) {
    const std::string name = target.name();
    if (refuses_subsystem(result))
        return format("%s has no subsystem '%s' for the host '%s'", name.c_str(), target.subsystem.c_str(),
                      target.host_nqn.c_str());
    if (result.sct == NVME_SCT_CMD_SPECIFIC && result.sc == connect_invalid_host)
        return format(
            "%s does not let the host '%s' use '%s': allow it there, or set `host_nqn` to one that is "
            "allowed",
            name.c_str(), target.host_nqn.c_str(), target.subsystem.c_str());
    if (result.sct == NVME_SCT_CMD_SPECIFIC && result.sc == connect_invalid_parameter)
        return format("%s refuses the parameter at byte %u of connect's %s", name.c_str(),
                      unsigned(result.result & 0xffff), (result.result >> 16 & 1) != 0 ? "data" : "command");
    return format("%s refuses to connect: %s", name.c_str(), status_text(result).c_str());
}

}  // namespace nvme::tcp

// SPDX-License-Identifier: BSD-3-Clause
#include "discovery.hpp"

#include <bdevkit/error.hpp>

#include <endian.h>

#include <algorithm>
#include <cstring>

#include "fabrics.hpp"
#include "session.hpp"

namespace nvme::tcp {

using bdevkit::Error;

namespace {

constexpr uint32_t most_records = 32;

std::vector<std::string> subsystems(const Target& target, const Cancel& cancel) {
    const auto until = Clock::now() + target.connect_timeout;
    uint16_t controller = any_controller;
    const auto connection = open_connection(target, 0, admin_options(target), controller, cancel, until);
    Caller caller(*connection, cancel, until);
    enable_controller(caller, until);
    nvmf_discovery_log head;
    caller.must_read(log_page(NVME_LOG_LID_DISCOVER, sizeof(head)), "the discovery log",
                     std::as_writable_bytes(std::span(&head, 1)), offsetof(nvmf_discovery_log, entries));
    const auto records = uint32_t(std::min<uint64_t>(le64toh(head.numrec), most_records));
    std::vector<std::byte> log(sizeof(head) + records * sizeof(nvmf_disc_log_entry));
    // Entries that have not been received are zeroes, which is no transport.
    caller.must_read(log_page(NVME_LOG_LID_DISCOVER, uint32_t(log.size())), "the discovery log", log,
                     sizeof(head));
    std::vector<std::string> names;
    for (uint32_t i = 0; i < records; i++) {
        nvmf_disc_log_entry entry;
        std::memcpy(&entry, log.data() + sizeof(head) + i * sizeof(entry), sizeof(entry));
        const std::string name(entry.subnqn, strnlen(entry.subnqn, sizeof(entry.subnqn)));
        if (entry.trtype == NVMF_TRTYPE_TCP && entry.subtype == NVME_NQN_NVME) names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

}  // namespace

std::string discovered_text(const Target& given, const Cancel& cancel) {
    constexpr const char* without_list = ": set `subsystem` to its NQN";
    if (given.subsystem == NVME_DISC_SUBSYS_NAME) return "";
    Target target = given;
    target.subsystem = NVME_DISC_SUBSYS_NAME;
    target.keep_alive = {};
    target.keys = nullptr;
    try {
        std::string list;
        for (const std::string& name : subsystems(target, cancel))
            list += (list.empty() ? "'" : ", '") + name + "'";
        if (list.empty()) return ": the target has none for this host";
        return ": set `subsystem` to one that it has: " + list;
    } catch (const Error& error) {
        if (error.rc() == -ECANCELED) throw;
        return without_list;
    }
}

}  // namespace nvme::tcp

// SPDX-License-Identifier: BSD-3-Clause
// From the options of the module to a subsystem.
#include <bdevkit/error.hpp>

#include <nvme/types.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "dhchap_key.hpp"
#include "discovery.hpp"
#include "subsystem.hpp"

namespace nvme::tcp {

using bdevkit::Error, bdevkit::format;

namespace {

std::chrono::milliseconds milliseconds(bdevkit::Duration time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::nanoseconds(time));
}

/// The host's identifier. By default it is the kernel's boot_id, so that all processes have the same.
std::array<uint8_t, 16> host_id(const bdk_uuid& given) {
    std::array<uint8_t, 16> id;
    std::copy_n(given.bytes, id.size(), id.begin());
    if (std::any_of(id.begin(), id.end(), [](uint8_t byte) { return byte != 0; })) return id;
    std::string text;
    std::ifstream("/proc/sys/kernel/random/boot_id") >> text;
    std::erase(text, '-');
    if (text.size() != 2 * id.size()) throw Error(EINVAL, "the kernel has no boot_id: set `host_id`");
    for (size_t i = 0; i < id.size(); i++)
        id[i] = uint8_t(std::stoul(text.substr(2 * i, 2), nullptr, 16));
    return id;
}

std::string host_nqn(const char* given, const std::array<uint8_t, 16>& id) {
    if (given != nullptr && *given != '\0') return given;
    std::string text = "nqn.2014-08.org.nvmexpress:uuid:";
    for (size_t i = 0; i < id.size(); i++)
        text += format(i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", id[i]);
    return text;
}

void check_nqn(const std::string& nqn, const char* option) {
    constexpr size_t longest = 223;
    if (nqn.size() > longest || !nqn.starts_with("nqn."))
        throw Error(
            EINVAL,
            format("`%s` is '%s': expected an NQN, which begins with 'nqn.' and has at most %zu bytes",
                   option, nqn.c_str(), longest));
}

std::shared_ptr<const DhchapKeys> keys_of(const Options& given) {
    const bool both = given.dhchap_ctrl_key_file != nullptr;
    if (given.dhchap_key_file == nullptr && !both) return nullptr;
    if (given.dhchap_key_file == nullptr)
        throw Error(EINVAL, "`dhchap_ctrl_key_file` needs `dhchap_key_file`: set the host's key as well");
    dhchap_prepare();
    return std::make_shared<const DhchapKeys>(
        DhchapKeys{DhchapKey::from_file(given.dhchap_key_file),
                   both ? std::make_unique<const DhchapKey>(DhchapKey::from_file(given.dhchap_ctrl_key_file))
                        : nullptr});
}

/// The target behind another portal: HOST, HOST:PORT or [IPv6]:PORT.
Target by_portal(Target target, const std::string& portal) {
    const bool has_brackets = portal.starts_with('[');
    const size_t end = has_brackets ? portal.find(']') : portal.find(':');
    const std::string rest = end == std::string::npos ? "" : portal.substr(has_brackets ? end + 1 : end);
    if ((has_brackets && end == std::string::npos) ||
        (!rest.empty() && (rest[0] != ':' || rest.size() == 1)) || rest.find(':', 1) != std::string::npos)
        throw Error(EINVAL,
                    format("`paths` holds '%s': expected HOST, HOST:PORT or [IPv6]:PORT", portal.c_str()));
    target.address = has_brackets ? portal.substr(1, end - 1) : portal.substr(0, end);
    if (!rest.empty()) target.service = rest.substr(1);
    target.addresses = resolve(target.address, target.service);
    return target;
}

}  // namespace

SharedController connect(const Options& given) {
    Target target;
    target.address = given.address;
    target.service = given.service;
    target.subsystem = given.subsystem != nullptr ? given.subsystem : "";
    target.host_id = host_id(given.host_id);
    target.host_nqn = host_nqn(given.host_nqn, target.host_id);
    target.header_digest = given.header_digest;
    target.data_digest = given.data_digest;
    target.queue_size = given.queue_depth;
    target.keep_alive = milliseconds(given.keep_alive);
    target.connect_timeout = milliseconds(given.connect_timeout);
    check_nqn(target.host_nqn, "host_nqn");
    target.keys = keys_of(given);
    target.addresses = resolve(target.address, target.service);
    const Cancel cancel;
    if (target.subsystem.empty())
        throw Error(EINVAL, format("%s: `subsystem` is not set%s", target.name().c_str(),
                                   discovered_text(target, cancel).c_str()));
    check_nqn(target.subsystem, "subsystem");
    std::vector<Target> targets{target};
    for (const char* portal : given.paths)
        targets.push_back(by_portal(target, portal));
    Session session = establish(targets, cancel);
    const Subsystem::Patience patience{milliseconds(given.reconnect_delay), milliseconds(given.loss_timeout),
                                       milliseconds(given.timeout)};
    return std::make_shared<Subsystem>(targets, given.multipath == Multipath::active_active, patience,
                                       std::move(session));
}

}  // namespace nvme::tcp

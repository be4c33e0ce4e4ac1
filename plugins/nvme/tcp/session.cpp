// SPDX-License-Identifier: BSD-3-Clause
#include "session.hpp"

#include <bdevkit/error.hpp>

#include <endian.h>

#include <algorithm>
#include <cstring>
#include <thread>

#include "dhchap.hpp"
#include "discovery.hpp"
#include "fabrics.hpp"

namespace nvme::tcp {

using bdevkit::Error, bdevkit::format;

// ---- one command after another ----

Result Caller::call(const Command& command, const char* what, const Data& data) {
    std::unique_ptr<Result> result;
    connection_.set_on_ended([&](void*, const Result& ended) { result = std::make_unique<Result>(ended); });
    const int cid = connection_.protocol().submit(command, data, this);
    if (cid < 0) throw Error(cid, format("cannot submit %s", what));
    connection_.wait([&] { return result != nullptr; }, what, cancel_, until_);
    return *result;
}

uint64_t Caller::must(const Command& command, const char* what, const Data& data) {
    const Result result = call(command, what, data);
    if (!result.ok())
        throw Error(EIO, format("the target refuses %s: %s", what, status_text(result).c_str()));
    return result.result;
}

Bytes Caller::must_read(const Command& command, const char* what, std::span<std::byte> buffer, size_t least) {
    std::fill(buffer.begin(), buffer.end(), std::byte());
    const Result result = call(command, what, {.buf = buffer.data(), .bytes = uint32_t(buffer.size())});
    if (!result.ok())
        throw Error(EIO, format("the target refuses %s: %s", what, status_text(result).c_str()));
    if (result.bytes < least)
        throw Error(EPROTO, format("the target answers %s with %u bytes instead of at least %zu", what,
                                   result.bytes, least));
    return buffer.first(result.bytes);
}

// ---- connecting ----

namespace {

/// @param asked  dword 0 of the answer to connect
void authenticate_if_asked(Connection& connection, const Target& target, uint32_t asked, const Cancel& cancel,
                           Clock::time_point until) {
    constexpr uint32_t for_authentication = 1u << 17, for_tls = 1u << 18;
    const std::string name = target.name();
    if ((asked & for_tls) != 0)
        throw Error(ENOTSUP, format("%s asks for TLS, which this module does not support", name.c_str()));
    if ((asked & for_authentication) != 0 && target.keys == nullptr)
        throw Error(EACCES,
                    format("%s asks '%s' for authentication (DH-HMAC-CHAP): set `dhchap_key_file` to a "
                           "file with the key of this host",
                           name.c_str(), target.host_nqn.c_str()));
    // A target that has to prove its identity cannot avoid that by not asking for authentication.
    const bool both = target.keys != nullptr && target.keys->controller != nullptr;
    if ((asked & for_authentication) == 0 && !both) return;
    Caller caller(connection, cancel, until);
    authenticate(caller, target, *target.keys);
}

}  // namespace

Protocol::Options admin_options(const Target& target) {
    constexpr uint16_t entries = 32;
    return {entries - 1, target.header_digest, target.data_digest, admin_in_capsule, false};
}

std::unique_ptr<Connection> open_connection(const Target& target, uint16_t queue,
                                            const Protocol::Options& options, uint16_t& controller,
                                            const Cancel& cancel, Clock::time_point until) {
    auto connection =
        std::make_unique<Connection>(connect_socket(target.addresses, target.name(), cancel, until), options);
    connection->wait([&] { return connection->protocol().is_open(); }, "ICReq: is it NVMe/TCP?", cancel,
                     until);
    nvmf_connect_data data = connect_data(target, controller);
    // One entry stays free, since a full queue would look like an empty one.
    const Result result = Caller(*connection, cancel, until)
                              .call(connect_command(queue, options.depth + 1u, target.keep_alive), "connect",
                                    {.buf = &data, .bytes = sizeof(data)});
    if (!result.ok()) {
        std::string message = connect_refusal(result, target);
        if (refuses_subsystem(result)) message += discovered_text(target, cancel);
        throw Error(ENOENT, message);
    }
    authenticate_if_asked(*connection, target, uint32_t(result.result), cancel, until);
    controller = uint16_t(result.result);
    return connection;
}

uint64_t enable_controller(Caller& caller, Clock::time_point until) {
    constexpr uint32_t entry_sizes = 6u << NVME_CC_IOSQES_SHIFT | 4u << NVME_CC_IOCQES_SHIFT;
    const uint64_t cap = caller.must(property_get(NVME_REG_CAP, true), "the controller's capabilities");
    const uint32_t page = uint32_t(NVME_CAP_MPSMIN(cap)) << NVME_CC_MPS_SHIFT;
    caller.must(property_set(NVME_REG_CC, 1u << NVME_CC_EN_SHIFT | page | entry_sizes),
                "enabling the controller");
    const auto granted = Clock::now() + std::chrono::milliseconds(500) * int(NVME_CAP_TO(cap) + 1);
    for (;;) {
        const uint64_t csts = caller.must(property_get(NVME_REG_CSTS, false), "the controller's status");
        if (NVME_CSTS_CFS(csts) != 0) throw Error(EIO, "the controller reports a fatal failure (CSTS.CFS)");
        if (NVME_CSTS_RDY(csts) != 0) return cap;
        if (Clock::now() > std::min(granted, until))
            throw Error(ETIMEDOUT, "the controller does not become ready (CSTS.RDY)");
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

namespace {

/// Bytes of data that a command of an I/O queue may carry along.
uint32_t in_capsule_of(const nvme_id_ctrl& data) {
    const uint32_t capsule = le32toh(data.ioccsz) * 16;
    const bool takes_offsets = (le32toh(data.sgls) & NVME_CTRL_SGLS_OFFSET) != 0;
    if (!takes_offsets || le16toh(data.icdoff) != 0 || capsule <= sizeof(Command)) return 0;
    return std::min<uint32_t>(capsule - sizeof(Command), 1u << 20);
}

std::vector<Namespace> ask_for_namespaces(Caller& caller) {
    std::array<std::byte, 4096> data;
    caller.must_read(identify_command(NVME_IDENTIFY_CNS_NS_ACTIVE_LIST, 0), "identify (namespaces)", data,
                     sizeof(data));
    std::vector<Namespace> result;
    for (const uint32_t id : active_namespaces(data)) {
        caller.must_read(identify_command(NVME_IDENTIFY_CNS_NS, id), "identify (namespace)", data,
                         sizeof(data));
        auto ns = usable_namespace(id, data);
        if (!ns) continue;
        const Command list = identify_command(NVME_IDENTIFY_CNS_NS_DESC_LIST, id);
        // A zero ends the list, so the rest of the buffer has to be zeroes.
        data.fill({});
        const Result listed =
            caller.call(list, "identify (identifiers)", {.buf = data.data(), .bytes = sizeof(data)});
        if (listed.ok()) add_uuid(*ns, data);
        result.push_back(*ns);
    }
    return result;
}

}  // namespace

std::vector<uint32_t> active_namespaces(IdentifyData list) {
    std::vector<uint32_t> ids(list.size() / sizeof(uint32_t));
    std::memcpy(ids.data(), list.data(), list.size());
    ids.erase(std::find(ids.begin(), ids.end(), 0u), ids.end());
    return ids;
}

std::optional<Namespace> usable_namespace(uint32_t id, IdentifyData data) {
    const Namespace ns = parse_namespace(id, data);
    if (ns.blocks != 0 && ns.block_size != 0 && (ns.md_size == 0 || ns.md_interleaved)) return ns;
    bdevkit::log(bdevkit::LogLevel::warn, BDK_LOG_COMPONENT,
                 format("namespace %u is left out: %s", id,
                        ns.blocks == 0 || ns.block_size == 0
                            ? "it has no blocks, or a block size that bdevs cannot have"
                            : "its metadata are separate from its blocks, which NVMe/TCP cannot transfer"));
    return {};
}

Session establish(const Target& target, const Cancel& cancel) {
    const auto until = Clock::now() + target.connect_timeout;
    Session session;
    session.controller = any_controller;
    session.admin = open_connection(target, 0, admin_options(target), session.controller, cancel, until);
    Caller caller(*session.admin, cancel, until);
    const uint64_t cap = enable_controller(caller, until);

    std::array<std::byte, 4096> data;
    caller.must_read(identify_command(NVME_IDENTIFY_CNS_CTRL, 0), "identify (controller)", data,
                     sizeof(data));
    session.identity = parse_identity(data, uint64_t(4096) << NVME_CAP_MPSMIN(cap));
    nvme_id_ctrl raw;
    std::memcpy(&raw, data.data(), sizeof(raw));
    session.in_capsule = in_capsule_of(raw);
    session.keeps_alive = raw.kas != 0 && target.keep_alive.count() != 0;

    session.queue_size = std::min(target.queue_size, uint32_t(NVME_CAP_MQES(cap)) + 1);
    if (raw.maxcmd != 0) session.queue_size = std::min<uint32_t>(session.queue_size, le16toh(raw.maxcmd));
    if (session.queue_size < 2)
        throw Error(EPROTO, "the target has queues of one entry, which can hold no command");
    constexpr uint32_t wanted = 128 - 1;
    const auto granted = uint32_t(
        caller.must(set_feature(NVME_FEAT_FID_NUM_QUEUES, wanted << 16 | wanted), "set features (queues)"));
    session.queues = std::min({granted & 0xffff, granted >> 16, wanted}) + 1;
    // Events are enabled before namespaces and states are read, so that no change is missed.
    session.ana_log_size = ana_log_size(raw, session.identity.max_transfer);
    session.ana_transition = std::chrono::seconds(raw.anatt);
    session.events =
        le32toh(raw.oaes) & (notice_namespaces | (session.ana_log_size != 0 ? notice_access : 0));
    if (session.events != 0 &&
        !caller.call(set_feature(NVME_FEAT_FID_ASYNC_EVENT, session.events), "set features (events)").ok())
        session.events = 0;
    session.namespaces = ask_for_namespaces(caller);
    if (session.ana_log_size != 0) {
        std::vector<std::byte> log(session.ana_log_size);
        session.ana = parse_ana_log(caller.must_read(log_page(NVME_LOG_LID_ANA, session.ana_log_size),
                                                     "the ANA log", log, sizeof(nvme_ana_log)));
    }
    return session;
}

Session establish(const std::vector<Target>& targets, const Cancel& cancel) {
    int rc = 0;
    std::string reasons;
    for (size_t i = 0; i < targets.size(); i++) {
        try {
            Session session = establish(targets[i], cancel);
            session.target = i;
            return session;
        } catch (const Error& error) {
            if (error.rc() == -ECANCELED) throw;
            if (rc == 0) rc = error.rc();
            reasons += (reasons.empty() ? "" : "; ") + std::string(error.what());
        }
    }
    throw Error(rc, reasons);
}

std::unique_ptr<Connection> open_io_queue(const Target& target, uint16_t controller, uint32_t size,
                                          uint32_t in_capsule, uint16_t id, const Cancel& cancel) {
    const Protocol::Options options{uint16_t(size - 1), target.header_digest, target.data_digest, in_capsule,
                                    true};
    return open_connection(target, id, options, controller, cancel, Clock::now() + target.connect_timeout);
}

}  // namespace nvme::tcp

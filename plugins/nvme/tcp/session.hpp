// SPDX-License-Identifier: BSD-3-Clause
// An association with a controller: connecting, enabling and asking it, step by step on a thread that may
// block.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>

#include "../identify.hpp"
#include "ana.hpp"
#include "connection.hpp"
#include "target.hpp"

namespace nvme::tcp {

/// Runs commands one after the other on a connection, and waits for each.
class Caller {
public:
    Caller(Connection& connection, const Cancel& cancel, Clock::time_point until) noexcept
        : connection_(connection), cancel_(cancel), until_(until) {}

    /// Throws bdevkit::Error when there is no answer; an error status is the caller's to look at.
    /// @param what  it is, for messages
    Result call(const Command& command, const char* what, const Data& data = {});
    /// As above; throws when the status is not success.
    /// @return dwords 0 and 1 of the completion
    uint64_t must(const Command& command, const char* what, const Data& data = {});
    /// As call(), for a command that reads into one buffer; throws when the status is not success, or fewer
    /// than `least` bytes have come. What has not come is zero.
    /// @return the bytes that have come
    Bytes must_read(const Command& command, const char* what, std::span<std::byte> buffer, size_t least);

private:
    Connection& connection_;
    const Cancel& cancel_;
    Clock::time_point until_;
};

/// Of an admin queue.
Protocol::Options admin_options(const Target& target);

/// [may block] Connects a queue, up to and with the connect command. Throws bdevkit::Error, with what to do.
/// @param controller  in: its identifier, or any_controller for a new one; out: what the target says
std::unique_ptr<Connection> open_connection(const Target& target, uint16_t queue,
                                            const Protocol::Options& options, uint16_t& controller,
                                            const Cancel& cancel, Clock::time_point until);

/// [may block] Enables the controller and waits until it is ready.
/// @return CAP
uint64_t enable_controller(Caller& caller, Clock::time_point until);

/// What there is once a controller is connected.
struct Session {
    size_t target = 0;  ///< the index of the target, where there are several
    std::unique_ptr<Connection> admin;
    uint16_t controller = 0;  ///< its identifier
    uint32_t queue_size = 0;  ///< entries of an I/O queue
    uint32_t queues = 0;      ///< I/O queues that the controller grants
    uint32_t in_capsule = 0;  ///< bytes that an I/O command may carry along
    bool keeps_alive = false;
    uint32_t events = 0;                     ///< that the controller tells of: bits of the feature
    uint32_t ana_log_size = 0;               ///< bytes; 0: it reports no access states
    std::chrono::seconds ana_transition{0};  ///< the longest change of a state
    std::map<uint32_t, Access> ana;          ///< what the log says
    Identity identity;
    std::vector<Namespace> namespaces;
};

/// [may block] Connects the admin queue, enables the controller and identifies it and its namespaces. Throws
/// bdevkit::Error, with what to do.
Session establish(const Target& target, const Cancel& cancel);

/// [may block] As above, by the first target that answers. Throws when none does.
/// @param targets  portals of one subsystem
Session establish(const std::vector<Target>& targets, const Cancel& cancel);

/// [may block] Connects I/O queue `id`, from 1 on. Throws bdevkit::Error.
/// @param size, in_capsule  as the session says
std::unique_ptr<Connection> open_io_queue(const Target& target, uint16_t controller, uint32_t size,
                                          uint32_t in_capsule, uint16_t id, const Cancel& cancel);

/// The identifiers in a list of active namespaces.
std::vector<uint32_t> active_namespaces(IdentifyData list);
/// A namespace that a bdev can stand for; none, with a line in the log, for another.
std::optional<Namespace> usable_namespace(uint32_t id, IdentifyData data);

}  // namespace nvme::tcp

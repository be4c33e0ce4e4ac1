// SPDX-License-Identifier: BSD-3-Clause
// Making an association with a controller: connecting, enabling, identifying, step by step on a thread that
// may block.
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

/// Runs commands on a connection, one after another, and waits for each.
class Caller {
public:
    Caller(Connection& connection, const Cancel& cancel, Clock::time_point until) noexcept
        : connection_(connection), cancel_(cancel), until_(until) {}

    /// Throws bdevkit::Error when there is no answer. The caller has to check the status.
    /// @param what  names the command, for messages
    Result call(const Command& command, const char* what, const Data& data = {});
    /// Throws bdevkit::Error when there is no answer, or the status is not success.
    /// @return dwords 0 and 1 of the completion
    uint64_t must(const Command& command, const char* what, const Data& data = {});
    /// Runs a command that reads into one buffer. Throws bdevkit::Error when it fails, or sends fewer than
    /// `least` bytes. The rest of the buffer becomes zeroes.
    /// @return the bytes that have been received
    Bytes must_read(const Command& command, const char* what, std::span<std::byte> buffer, size_t least);

private:
    Connection& connection_;
    const Cancel& cancel_;
    Clock::time_point until_;
};

/// The options of an admin queue.
Protocol::Options admin_options(const Target& target);

/// [may block] Connects a queue: socket, ICReq, connect command and authentication. Throws bdevkit::Error,
/// with advice.
/// @param controller  in: its identifier, or any_controller for a new one; out: the identifier
std::unique_ptr<Connection> open_connection(const Target& target, uint16_t queue,
                                            const Protocol::Options& options, uint16_t& controller,
                                            const Cancel& cancel, Clock::time_point until);

/// [may block] Enables the controller and waits until it is ready.
/// @return CAP
uint64_t enable_controller(Caller& caller, Clock::time_point until);

/// An established association.
struct Session {
    size_t target = 0;  ///< the index of the target, where there are several
    std::unique_ptr<Connection> admin;
    uint16_t controller = 0;  ///< its identifier
    uint32_t queue_size = 0;  ///< entries of an I/O queue
    uint32_t queues = 0;      ///< I/O queues that the controller grants
    uint32_t in_capsule = 0;  ///< bytes that an I/O command may carry along
    bool keeps_alive = false;
    uint32_t events = 0;                     ///< that the controller reports: bits of the feature
    uint32_t ana_log_size = 0;               ///< bytes; 0: it reports no access states
    std::chrono::seconds ana_transition{0};  ///< how long a change of state may take (ANATT)
    std::map<uint32_t, Access> ana;          ///< by namespace, as the log says
    Identity identity;
    std::vector<Namespace> namespaces;
};

/// [may block] Connects the admin queue, enables the controller, and identifies it and its namespaces. Throws
/// bdevkit::Error, with advice.
Session establish(const Target& target, const Cancel& cancel);

/// [may block] Establishes a session with the first target that answers. Throws bdevkit::Error when none
/// does.
/// @param targets  portals of one subsystem
Session establish(const std::vector<Target>& targets, const Cancel& cancel);

/// [may block] Connects I/O queue `id`, from 1 on. Throws bdevkit::Error.
/// @param size, in_capsule  of the session
std::unique_ptr<Connection> open_io_queue(const Target& target, uint16_t controller, uint32_t size,
                                          uint32_t in_capsule, uint16_t id, const Cancel& cancel);

/// The identifiers in a list of active namespaces.
std::vector<uint32_t> active_namespaces(IdentifyData list);
/// Decodes a namespace. @return none, with a line in the log, for a namespace that cannot be a bdev
std::optional<Namespace> usable_namespace(uint32_t id, IdentifyData data);

}  // namespace nvme::tcp

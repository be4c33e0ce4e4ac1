// SPDX-License-Identifier: BSD-3-Clause
// Asks a controller for its namespaces while it is in use.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "../identify.hpp"
#include "protocol.hpp"

namespace nvme::tcp {

/// Runs on the app thread, command by command. The object owns itself until the end: each command in flight
/// holds a reference.
class Rescan : public std::enable_shared_from_this<Rescan> {
public:
    /// The result of a command; none when the connection broke.
    using OnEnded = std::function<void(const std::optional<Result>&)>;
    using Run = std::function<void(const Command&, const Data&, OnEnded)>;
    using OnFound = std::function<void(const std::vector<Namespace>&)>;

    /// @param run    runs an admin command
    /// @param on_found  called once with the namespaces, or not at all after a failure
    static void start(Run run, OnFound on_found);

private:
    Rescan(Run run, OnFound on_found) : run_(std::move(run)), on_found_(std::move(on_found)) {}

    void ask(const Command& command, void (Rescan::*then)(), bool must = true);
    void list();
    void listed();
    void next();
    void identified();
    void listed_identifiers();

    const Run run_;
    const OnFound on_found_;
    std::array<std::byte, 4096> data_;
    std::vector<uint32_t> ids_;  ///< that have not been identified yet, in reverse order
    std::vector<Namespace> namespaces_;
};

}  // namespace nvme::tcp

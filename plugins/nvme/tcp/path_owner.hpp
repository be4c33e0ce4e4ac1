// SPDX-License-Identifier: BSD-3-Clause
// What a path tells and asks the subsystem that it belongs to: so that the path need not know the subsystem.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "../identify.hpp"

namespace nvme::tcp {

class Path;

/// Outlives its paths. Each function but post(): [app thread].
class PathOwner {
public:
    /// "10.0.0.1:4420, NQN", for messages.
    virtual const std::string& name() const noexcept = 0;

    /// Whether another path than this one is connected.
    virtual bool is_other_connected(const Path& path) const = 0;
    /// Whether another path that is connected reaches the namespace.
    virtual bool is_reached_by_other(const Path& path, uint32_t nsid) const = 0;
    /// The reason why a controller with these namespaces is another controller than that of the bdevs; empty:
    /// it is the same.
    virtual std::string refusal_of(const Identity& identity, const std::vector<Namespace>& found) const = 0;

    /// The path has a controller, and its namespaces() are known.
    virtual void on_path_connected() = 0;
    /// The path is_usable(): a queue has a connection by it.
    virtual void on_path_usable() = 0;
    /// The path has lost its controller, and connects again.
    virtual void on_path_disconnected(const std::string& reason) = 0;
    /// An attempt to connect has failed. Others follow.
    virtual void on_connect_failed(const std::string& reason) = 0;
    /// The namespaces() of a path have changed.
    virtual void on_namespaces_changed() = 0;
    /// The bdevs cannot be served any further: stops all paths, this one too.
    virtual void give_up(const std::string& reason) = 0;

    /// [any thread] Runs fn(path) on the app thread, unless the subsystem is gone by then.
    /// @param path  its index
    virtual void post(size_t path, std::function<void(Path&)> fn) = 0;

protected:
    ~PathOwner() = default;
};

}  // namespace nvme::tcp

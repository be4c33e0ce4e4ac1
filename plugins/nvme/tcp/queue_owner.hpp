// SPDX-License-Identifier: BSD-3-Clause
// What a queue tells and asks the subsystem that it belongs to: so that the queue need not know the
// subsystem.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "../command.hpp"
#include "queue_link.hpp"

namespace nvme::tcp {

/// Of all queues of a subsystem. Does not change.
struct QueueSettings {
    std::string name;                           ///< the subsystem's, for messages
    size_t paths = 0;                           ///< how many there are, connected or not
    bool spreads = false;                       ///< I/O takes all of the best paths, not only the first
    std::chrono::milliseconds command_timeout;  ///< how long a command may take; 0: any time
    std::chrono::milliseconds loss_timeout;     ///< how long I/O waits for a path that gives access
};

/// Outlives its queues. Each function: [the queue's thread].
class QueueOwner {
public:
    virtual const QueueSettings& queue_settings() const noexcept = 0;

    /// Gives the queue an identifier, and has each path connect it: QueueEvents::on_connected(). Throws
    /// bdevkit::Error when the target grants no more queues.
    virtual std::vector<JoinedPath> add_queue(const std::shared_ptr<QueueLink>& link) = 0;
    /// Nothing when it was never added.
    virtual void remove_queue(const std::shared_ptr<QueueLink>& link) = 0;

    /// The queue's connection by a path has broken.
    /// @param generation  of the path's connections, as the queue knows it
    virtual void on_connection_lost(size_t path, uint32_t generation, const std::string& reason) = 0;
    /// A status says that a path gives no access, although the path's ANA log said that it does.
    virtual void on_access_contradicted(size_t path) = 0;

    /// Runs the admin command of an I/O by any path that is connected, and completes the I/O.
    virtual void run_admin(const std::shared_ptr<QueueLink>& link, bdevkit::Io io,
                           const Request& request) = 0;
    /// Has a path abort command `cid` of the queue: QueueEvents::on_abort_ended().
    virtual void abort(const std::shared_ptr<QueueLink>& link, size_t path, uint32_t generation, uint16_t cid,
                       bdevkit::Io abort) = 0;

protected:
    ~QueueOwner() = default;
};

}  // namespace nvme::tcp

// SPDX-License-Identifier: BSD-3-Clause
// What the bdevs of namespaces need of a controller, whatever carries its commands.
#pragma once

#include <bdevkit/bdevkit.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "command.hpp"
#include "identify.hpp"
#include "options.hpp"

namespace nvme {

/// Bounds of a transport on each I/O of a namespace. The core splits and bounces to keep them.
struct Limits {
    uint64_t max_transfer = 0;  ///< bytes
    uint32_t max_segments = 0;  ///< iovecs; 0: any number
    uint32_t alignment = 0;     ///< of buffers, as a power of two
    bool fuses = false;         ///< submit_fused() of a queue does something
    bool aborts = false;        ///< abort() of a queue does something
};

/// The way of one io_channel's commands to the controller. Used on the channel's thread, destroyed there when
/// nothing is in flight.
class Queue {
public:
    Queue() = default;
    virtual ~Queue() = default;
    Queue(const Queue&) = delete;
    Queue& operator=(const Queue&) = delete;

    /// Starts the command of `io`, and completes `io` when it ends. What iovecs and ranges of `request` point
    /// to stays valid until then; `request` itself does not.
    /// @param admin  it is an admin command
    /// @return false when there is no room now: nothing was started
    virtual bool submit(bdevkit::Io io, const Request& request, bool admin) = 0;

    /// As submit(), two commands of which the second is carried out only if the first succeeds, as one.
    virtual bool submit_fused(bdevkit::Io, const Request&, const Request&) { return false; }

    /// Tries to end the I/O that `abort` names early, and completes `abort`.
    virtual void abort(bdevkit::Io abort) { abort.complete(bdevkit::IoStatus::failed); }

    /// Lets the walk go on once nothing is in flight here; asks for an early end where that can be done.
    /// Meanwhile nothing is submitted.
    virtual void drain(bdk_io_channel_iter* walk) = 0;
};

/// What a controller tells of itself. Each is called on the app thread.
struct Events {
    /// Namespaces have come, gone or changed. @param now  those that are active
    std::function<void(const std::vector<Namespace>& now)> namespaces;
    /// The controller is gone and will not come back. All I/O ends with errors.
    std::function<void()> lost;
};

/// How an admin command has ended.
struct AdminEnd {
    int rc = 0;  ///< a negative errno when there is no status
    uint32_t sct = 0, sc = 0;
};

/// Made by one of the functions below, which may block. Held by its bdevs.
class Controller {
public:
    Controller() = default;
    virtual ~Controller() = default;
    Controller(const Controller&) = delete;
    Controller& operator=(const Controller&) = delete;

    const Identity& identity() const noexcept { return identity_; }
    /// Those that were active when it was made, and that bdevs can stand for.
    const std::vector<Namespace>& namespaces() const noexcept { return namespaces_; }

    /// [app thread] Called once, before any of those below.
    virtual void start(Events) {}
    virtual Limits limits(const Namespace& ns) const = 0;
    /// [bdk thread] Throws bdevkit::Error.
    virtual std::unique_ptr<Queue> open_queue(uint32_t nsid) = 0;
    /// [bdk thread] Resets the controller where this transport does that; done(rc) runs on the calling
    /// thread. What is in flight for `bdev`, which may be NULL, ends as aborted, what is for others begins
    /// again.
    virtual void reset(const bdk_bdev*, std::function<void(int rc)> done) { done(0); }
    /// [app thread, between start() and shut_down()] Runs an admin command; done(end) runs on the app thread.
    /// What `request` points to stays valid until then.
    virtual void admin(const Request& request, std::function<void(const AdminEnd&)> done) = 0;
    /// [app thread] "live", or why not: "connecting", "lost".
    virtual const char* state() const { return "live"; }
    /// [app thread] No I/O is in flight and none will come; queues may still be open. done() runs on the app
    /// thread, once the device is left to others.
    virtual void shut_down(std::function<void()> done) { done(); }

    /// [app thread] How it is reached.
    virtual void dump_info(bdevkit::Json json, const Namespace& ns) const = 0;

protected:
    Identity identity_;
    std::vector<Namespace> namespaces_;
};

using SharedController = std::shared_ptr<Controller>;

}  // namespace nvme

// One for each transport. [any thread but a bdk thread] Throws bdevkit::Error, with what to do.
namespace nvme::kernel {
SharedController connect(const Options& options);
}
namespace nvme::pcie {
SharedController connect(const Options& options);
}
namespace nvme::tcp {
SharedController connect(const Options& options);
}

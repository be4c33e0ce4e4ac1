// SPDX-License-Identifier: BSD-3-Clause
// The interface between bdevs of namespaces and the transports that carry their commands.
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

/// The limits that a transport has for each I/O of a namespace. The core splits and bounces I/O to keep them.
struct Limits {
    uint64_t max_transfer = 0;  ///< bytes
    uint32_t max_segments = 0;  ///< iovecs; 0: any number
    uint32_t alignment = 0;     ///< of buffers, as a power of two
    bool fuses = false;         ///< queues have submit_fused()
    bool aborts = false;        ///< queues have abort()
};

/// Carries the commands of one io_channel to the controller. Used on the channel's thread, and destroyed
/// there when nothing is in flight.
class Queue {
public:
    Queue() = default;
    virtual ~Queue() = default;
    Queue(const Queue&) = delete;
    Queue& operator=(const Queue&) = delete;

    /// Starts the command of `io`, and completes `io` when the command ends. The memory that `request` points
    /// to stays valid until then; `request` itself does not.
    /// @param admin  whether it is an admin command
    /// @return false when there is no room now: nothing was started
    virtual bool submit(bdevkit::Io io, const Request& request, bool admin) = 0;

    /// Starts two commands for `io` as one: the second is carried out only if the first succeeds. Else like
    /// submit().
    virtual bool submit_fused(bdevkit::Io, const Request&, const Request&) { return false; }

    /// Tries to end the I/O that `abort` names early, and completes `abort`.
    virtual void abort(bdevkit::Io abort) { abort.complete(bdevkit::IoStatus::failed); }

    /// Continues `walk` when nothing is in flight here. Until then nothing is submitted.
    virtual void drain(bdk_io_channel_iter* walk) = 0;
};

/// News of a controller. Each function is called on the app thread.
struct Events {
    /// Namespaces have appeared, disappeared or changed. @param now  the namespaces that are active
    std::function<void(const std::vector<Namespace>& now)> namespaces;
    /// The controller is lost for good. All I/O ends with errors.
    std::function<void()> lost;
};

/// How an admin command ended.
struct AdminEnd {
    int rc = 0;  ///< a negative errno when there is no status
    uint32_t sct = 0, sc = 0;
};

/// A controller, or a subsystem of several, that bdevs stand on. Made by a connect() below, started once,
/// held by its bdevs, and shut down by the last of them.
class Controller {
public:
    Controller() = default;
    virtual ~Controller() = default;
    Controller(const Controller&) = delete;
    Controller& operator=(const Controller&) = delete;

    const Identity& identity() const noexcept { return identity_; }
    /// The namespaces that were active when it was made and that can be bdevs.
    const std::vector<Namespace>& namespaces() const noexcept { return namespaces_; }

    /// [app thread] Called once, before any of the functions below.
    virtual void start(Events) {}
    virtual Limits limits(const Namespace& ns) const = 0;
    /// [bdk thread] Throws bdevkit::Error.
    virtual std::unique_ptr<Queue> open_queue(uint32_t nsid) = 0;
    /// [bdk thread] Resets the controller, if this transport can; done(rc) runs on the calling thread. I/O of
    /// `bdev`, which may be NULL, ends as aborted; I/O of other bdevs begins again.
    virtual void reset(const bdk_bdev*, std::function<void(int rc)> done) { done(0); }
    /// [app thread, between start() and shut_down()] Runs an admin command; done(end) runs on the app thread.
    /// The memory that `request` points to stays valid until then.
    virtual void admin(const Request& request, std::function<void(const AdminEnd&)> done) = 0;
    /// [app thread] "live", "connecting" or "lost".
    virtual const char* state() const { return "live"; }
    /// [app thread] Called when no I/O is in flight and none will come; queues may still be open. done() runs
    /// on the app thread, once others may use the device.
    virtual void shut_down(std::function<void()> done) { done(); }

    /// [app thread] Writes how the namespace is reached.
    virtual void dump_info(bdevkit::Json json, const Namespace& ns) const = 0;

protected:
    Identity identity_;
    std::vector<Namespace> namespaces_;
};

using SharedController = std::shared_ptr<Controller>;

}  // namespace nvme

// How controllers are made, one function for each transport. [not on a bdk thread] They may block. They throw
// bdevkit::Error, with advice.
namespace nvme::kernel {
SharedController connect(const Options& options);
}
namespace nvme::pcie {
SharedController connect(const Options& options);
}
namespace nvme::tcp {
SharedController connect(const Options& options);
}

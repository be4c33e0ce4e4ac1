// SPDX-License-Identifier: BSD-3-Clause
// A subsystem that is reached by TCP, by one path or several. While no path is there, I/O waits in the
// queues.
#pragma once

#include "../controller.hpp"
#include "path.hpp"
#include "queue_link.hpp"

namespace nvme::tcp {

class Subsystem final : public Controller, public std::enable_shared_from_this<Subsystem> {
public:
    /// How long to try when connections are gone.
    struct Patience {
        std::chrono::milliseconds reconnect_delay;  ///< the longest between two tries of a path
        std::chrono::milliseconds loss_timeout;     ///< without a path, the controller is given up then
        std::chrono::milliseconds command_timeout;  ///< for a command of an I/O queue; 0: any time
    };

    /// @param ways     portals of the subsystem, the first ones preferred
    /// @param session  by one of them
    /// @param spreads  I/O is spread over all paths of the best access state
    Subsystem(const std::vector<Target>& ways, bool spreads, const Patience& patience, Session session);
    ~Subsystem() override;

    void start(Events events) override;
    Limits limits(const Namespace& ns) const override;
    std::unique_ptr<Queue> open_queue(uint32_t nsid) override;
    void reset(const bdk_bdev* bdev, std::function<void(int rc)> done) override;
    void admin(const Request& request, std::function<void(const AdminEnd&)> done) override;
    const char* state() const override;
    void shut_down(std::function<void()> done) override;
    void dump_info(bdevkit::Json json, const Namespace& ns) const override;

    // ---- for its queues, on their threads ----

    /// "10.0.0.1:4420, NQN", for messages.
    const std::string& name() const noexcept { return name_; }
    size_t paths() const noexcept { return paths_.size(); }
    bool spreads() const noexcept { return spreads_; }
    std::chrono::milliseconds command_timeout() const noexcept { return patience_.command_timeout; }
    std::chrono::milliseconds loss_timeout() const noexcept {
        return std::max(patience_.loss_timeout, std::chrono::milliseconds(1));
    }
    /// A queue wants connections: MultipathQueue::connected(). Throws bdevkit::Error when there are no more.
    /// @return for each path the generation of its connections, and how well it reaches the namespace
    std::vector<std::pair<uint32_t, Access>> join(const std::shared_ptr<QueueLink>& link);
    void leave(const std::shared_ptr<QueueLink>& link);
    /// A path gives no access where it had said that it does.
    void doubt(size_t path);
    /// The connection of a queue by a path is gone.
    void lost(size_t path, uint32_t generation, const std::string& reason);
    /// Runs the admin command of an I/O, and completes it.
    void run_for(const std::shared_ptr<QueueLink>& link, bdevkit::Io io, const Request& request);
    /// Runs an abort command for command `cid` of the queue: MultipathQueue::abort_ended().
    void abort_for(const std::shared_ptr<QueueLink>& link, size_t path, uint32_t generation, uint16_t cid,
                   bdevkit::Io abort);

    // ---- for its paths, on the app thread ----

    /// It has been given up or shut down.
    bool is_over() const noexcept { return is_over_; }
    /// Why namespaces that a path has found cannot be this controller's; empty: they can.
    std::string refusal_of(const Identity& identity, const std::vector<Namespace>& found) const;
    /// Whether another path than this one is up.
    bool has_other_than(const Path& path) const;
    /// Whether another path that is up has the namespace.
    bool has_elsewhere(const Path& path, uint32_t nsid) const;
    /// The path is up.
    void came();
    /// The path is down.
    void went(const std::string& reason);
    /// It works().
    void works() { loss_timer_.stop(); }
    /// A try to connect has failed.
    void failed(const std::string& reason) { last_failure_ = reason; }
    /// A path has been told of other namespaces.
    void namespaces_changed();
    void give_up(const std::string& reason);
    Path& path(size_t index) noexcept { return *paths_[index]; }

    /// [any thread] Runs fn(controller) on the app thread, unless the controller is gone by then.
    template <class Fn>
    void on_app_thread(Fn fn) {
        bdevkit::Thread::app().send([weak = weak_from_this(), run = std::move(fn)]() mutable {
            if (const auto self = weak.lock()) run(*self);
        });
    }

private:
    Path* first_up() const;
    uint32_t granted_queues() const;
    bool loss_is_final();
    void end_resets(int rc);

    struct Reset {
        bdevkit::Thread thread;
        std::function<void(int)> done;
    };

    const bool spreads_;
    const Patience patience_;
    const std::string name_;
    Events events_;
    mutable QueueLinks links_;
    uint16_t last_queue_ = 0;  ///< with the links' lock

    Session first_;  ///< until start()
    std::vector<Namespace> known_;
    std::string last_failure_;
    bdevkit::Poller loss_timer_;  ///< runs while no path works
    std::vector<Reset> resets_;
    bool is_over_ = false;
    std::vector<std::unique_ptr<Path>> paths_;  // last: they use the others
};

template <class Fn>
void Path::on_app_thread(Fn fn) {
    controller_.on_app_thread([index = index_, run = std::move(fn)](Subsystem& controller) mutable {
        run(controller.path(index));
    });
}

}  // namespace nvme::tcp

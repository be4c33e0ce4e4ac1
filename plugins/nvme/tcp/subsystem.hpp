// SPDX-License-Identifier: BSD-3-Clause
// An NVM subsystem that is reached by TCP.
#pragma once

#include "../controller.hpp"
#include "path.hpp"
#include "path_owner.hpp"
#include "queue_link.hpp"
#include "queue_owner.hpp"

namespace nvme::tcp {

/// The bdevs of a subsystem's namespaces stand on this, whichever path serves them at the moment. It owns the
/// paths, lives with them on the app thread, and decides what a loss means: as long as one path is usable,
/// I/O takes that one. When none is, I/O waits in the queues and a timer runs; if the timer ends first
/// (`loss_timeout`), the subsystem is given up, all I/O fails, and the bdevs go.
///
/// Queues live on threads of their own. They call the functions of QueueOwner; paths and subsystem answer
/// through a QueueLink, since a queue may be gone by then. Nobody but the subsystem knows all three: paths
/// see a PathOwner and QueueEvents, queues see a QueueOwner.
class Subsystem final : public Controller,
                        public PathOwner,
                        public QueueOwner,
                        public std::enable_shared_from_this<Subsystem> {
public:
    /// How long to try when connections are lost.
    struct Patience {
        std::chrono::milliseconds reconnect_delay;  ///< the longest between two attempts of a path
        std::chrono::milliseconds loss_timeout;     ///< how long all paths may be away
        std::chrono::milliseconds command_timeout;  ///< for a command of an I/O queue; 0: any time
    };

    /// @param targets  portals of the subsystem, the preferred ones first
    /// @param session  of one of them
    /// @param spreads  I/O takes all of the best paths, not only the first
    Subsystem(const std::vector<Target>& targets, bool spreads, const Patience& patience, Session session);
    ~Subsystem() override;

    void start(Events events) override;
    Limits limits(const Namespace& ns) const override;
    std::unique_ptr<Queue> open_queue(uint32_t nsid) override;
    void reset(const bdk_bdev* bdev, std::function<void(int rc)> done) override;
    void admin(const Request& request, std::function<void(const AdminEnd&)> done) override;
    const char* state() const override;
    void shut_down(std::function<void()> done) override;
    void dump_info(bdevkit::Json json, const Namespace& ns) const override;

    // ---- as the owner of its queues ----

    const QueueSettings& queue_settings() const noexcept override { return queue_settings_; }
    std::vector<JoinedPath> add_queue(const std::shared_ptr<QueueLink>& link) override;
    void remove_queue(const std::shared_ptr<QueueLink>& link) override;
    void on_connection_lost(size_t path, uint32_t generation, const std::string& reason) override;
    void on_access_contradicted(size_t path) override;
    void run_admin(const std::shared_ptr<QueueLink>& link, bdevkit::Io io, const Request& request) override;
    void abort(const std::shared_ptr<QueueLink>& link, size_t path, uint32_t generation, uint16_t cid,
               bdevkit::Io abort) override;

    // ---- as the owner of its paths ----

    const std::string& name() const noexcept override { return queue_settings_.name; }
    bool is_other_connected(const Path& path) const override;
    bool is_reached_by_other(const Path& path, uint32_t nsid) const override;
    std::string refusal_of(const Identity& identity, const std::vector<Namespace>& found) const override;
    void on_path_connected() override;
    void on_path_usable() override { loss_timer_.stop(); }
    void on_path_disconnected(const std::string& reason) override;
    void on_connect_failed(const std::string& reason) override { last_failure_ = reason; }
    void on_namespaces_changed() override;
    void give_up(const std::string& reason) override;
    void post(size_t path, std::function<void(Path&)> fn) override;

private:
    /// [any thread] Runs fn(subsystem) on the app thread, unless it is gone by then.
    template <class Fn>
    void on_app_thread(Fn fn) {
        bdevkit::Thread::app().send([weak = weak_from_this(), run = std::move(fn)]() mutable {
            if (const auto self = weak.lock()) run(*self);
        });
    }

    Path* first_connected() const;
    uint32_t granted_queues() const;
    bool on_loss_timeout();
    void end_resets(int rc);

    struct Reset {
        bdevkit::Thread thread;
        std::function<void(int)> done;
    };

    const QueueSettings queue_settings_;
    Events events_;
    mutable QueueLinks links_;
    uint16_t last_queue_ = 0;  ///< with the links' lock

    Session first_;  ///< until start()
    std::vector<Namespace> known_;
    std::string last_failure_;
    bdevkit::Poller loss_timer_;  ///< runs while no path is usable
    std::vector<Reset> resets_;
    bool is_over_ = false;                      ///< given up or shut down
    std::vector<std::unique_ptr<Path>> paths_;  // last: they use the others
};

}  // namespace nvme::tcp

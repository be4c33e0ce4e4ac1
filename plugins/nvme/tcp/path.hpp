// SPDX-License-Identifier: BSD-3-Clause
// One path to a subsystem: a portal, and the controller that the target keeps for this host behind it.
#pragma once

#include "ana.hpp"
#include "cancellable_worker.hpp"
#include "path_owner.hpp"
#include "pump.hpp"
#include "queue_link.hpp"
#include "rescan.hpp"
#include "session.hpp"

namespace nvme::tcp {

/// A controller behind a portal is one association: an admin queue, which belongs to the app thread, and an
/// I/O queue for each MultipathQueue. They live and die together: when one of their connections breaks, or
/// the target does not answer to keep alive, the path drops all of them and connects again, to a new
/// controller. The generation counts these losses. News from other threads (a queue has been connected, a
/// connection has broken) carry the generation that they belong to, and are ignored once it has passed.
///
///   idle --connect()--> connecting <------------------------------------------.
///    |                   |  ^  |                                              |
///    |                   |  '--' on_connect_failed(): again, after a delay    |
///    |                   |                                                    |
///    |                   | on_session(): adopt()                              | disconnect(),
///    |                   v                                                    | for whatever reason
///    '----adopt()---> connected ----------------------------------------------+
///                        |                                                    |
///                        | the first queue has a connection, or there is none |
///                        v                                                    |
///                     usable -------------------------------------------------'
///
///   any state --stop(), shut_down()--> stopped
///
/// Connecting blocks, so it is done on a thread of the path's own, the worker. All else is done on the app
/// thread. How well a connected path reaches each namespace is a state of its own: Access.
class Path {
public:
    enum class State : uint8_t {
        idle,        ///< not started
        connecting,  ///< the worker tries to connect, again and again
        connected,   ///< the admin queue is connected, no I/O queue is yet
        usable,      ///< an I/O queue is connected as well, or none is asked for
        stopped,     ///< for good
    };

    /// @param index  of the path among those of its owner
    /// @param reconnect_delay  the longest delay between two attempts to connect
    Path(PathOwner& owner, QueueLinks& links, size_t index, Target target,
         std::chrono::milliseconds reconnect_delay);
    ~Path();
    Path(const Path&) = delete;
    Path& operator=(const Path&) = delete;

    const Target& target() const noexcept { return target_; }
    size_t index() const noexcept { return index_; }

    // ---- on the app thread ----

    /// Uses a session that has been established.
    void adopt(Session session);
    /// Connects in the background: tries until it succeeds or is stopped.
    void connect();
    /// Drops the connections and connects again. Nothing happens when there are none.
    /// @param reset  the I/O of this bdev ends as aborted; may be NULL
    void disconnect(const std::string& reason, const bdk_bdev* reset);
    /// A connection of that generation has broken.
    void on_connection_lost(uint32_t generation, const std::string& reason);
    /// Drops the connections and connects again. The I/O of the bdev ends as aborted, also I/O that waits.
    void reset(const bdk_bdev* bdev);
    /// Reads the access states from the controller again, and tells the queues.
    void read_access();
    /// Ends the path for good.
    void stop();
    /// Ends the path for good, and tells the target.
    void shut_down();

    bool is_connected() const noexcept { return state_ == State::connected || state_ == State::usable; }
    bool is_usable() const noexcept { return state_ == State::usable; }
    /// The namespaces of the controller, kept up to date by its events.
    const std::vector<Namespace>& namespaces() const noexcept { return namespaces_; }
    const Identity& identity() const noexcept { return identity_; }

    using OnAdminEnded = Rescan::OnEnded;
    /// Runs an admin command. It ends without a result when the connection breaks.
    void run_admin(const Command& command, const Data& data, OnAdminEnded on_ended);
    /// Aborts command `cid` of the queue; done(aborted) tells whether that succeeded.
    void abort(uint32_t generation, uint16_t queue, uint16_t cid, std::function<void(bool)> done);
    void dump_info(bdevkit::Json json, uint32_t nsid) const;

    // ---- with the lock of the links ----

    /// Connects the queue, now or as soon as the path is connected.
    JoinedPath add_queue(const std::shared_ptr<QueueLink>& link);
    /// The queue is about to go.
    void remove_queue(const QueueLink& link) { ios_before_ += link.ios[index_]; }
    /// I/O queues that the controller grants; 0: not known yet.
    uint32_t queues() const noexcept { return queues_; }

private:
    struct AdminCall {
        Command command;
        Data data;
        OnAdminEnded on_ended;
    };

    bool submit_admin(std::unique_ptr<AdminCall>& call);
    void on_admin_ended(AdminCall* call, const Result& result);
    void drop_admin();
    void set_state(State state);
    void stop_timers();
    void on_session(Session session);
    void on_connect_failed(const std::string& reason);
    bool send_keep_alive();
    void wait_for_event();
    void on_event(uint32_t what);
    void on_rescanned(std::vector<Namespace> now);
    void set_namespaces(std::vector<Namespace> now);
    void on_access_log(const std::optional<Result>& result, Bytes log);
    Access access_to(uint32_t nsid) const;
    void publish_access();
    bool on_transition_timeout();

    // On the worker.
    void try_to_connect(std::chrono::milliseconds delay);
    void connect_queue(const std::shared_ptr<QueueLink>& link, uint32_t generation);

    /// [any thread] Runs fn(path) on the app thread, unless the subsystem is gone by then.
    template <class Fn>
    void on_app_thread(Fn fn) {
        owner_.post(index_, std::move(fn));
    }

    PathOwner& owner_;
    QueueLinks& links_;
    const size_t index_;
    const Target target_;
    const std::string name_;
    const std::chrono::milliseconds reconnect_delay_;

    // Changed on the app thread, with the lock of the links.
    State state_ = State::idle;
    uint32_t generation_ = 0;  ///< counts the times that the connections were lost
    uint16_t id_ = 0;          ///< of the controller
    uint32_t queue_size_ = 0, queues_ = 0, in_capsule_ = 0;
    uint64_t ios_before_ = 0;            ///< I/Os of queues that are gone
    std::map<uint32_t, Access> access_;  ///< by namespace, as the queues know it

    Identity identity_;
    std::vector<Namespace> namespaces_;
    std::optional<Pump> admin_;  ///< the admin queue, while connected
    std::deque<std::unique_ptr<AdminCall>> waiting_;
    bdevkit::Poller keep_alive_timer_;
    bool keep_alive_is_unanswered_ = false;

    /// Reads of the ANA log: one at a time, and one more if its answer may be out of date.
    enum class AccessRead : uint8_t { none, reading, to_be_repeated };
    AccessRead access_read_ = AccessRead::none;
    uint32_t ana_log_size_ = 0;
    std::map<uint32_t, Access> ana_;  ///< by namespace, as the log says
    std::chrono::seconds ana_transition_{0};
    bdevkit::Poller transition_timer_;  ///< runs while a state changes

    // A portal that has never answered is logged once, and so is each reason of a refusal.
    bool failure_is_logged_ = false;
    std::string logged_refusal_;
    CancellableWorker worker_;  // last: it uses the others
};

}  // namespace nvme::tcp

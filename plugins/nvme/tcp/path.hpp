// SPDX-License-Identifier: BSD-3-Clause
// One path to the controller's subsystem: a portal, and there a controller with its admin queue, which is the
// app thread's. When one of its connections goes, all of the path go, and are made again.
#pragma once

#include "ana.hpp"
#include "cancellable_worker.hpp"
#include "pump.hpp"
#include "queue_link.hpp"
#include "rescan.hpp"
#include "session.hpp"

namespace nvme::tcp {

class Subsystem;

class Path {
public:
    /// @param index  among the controller's
    /// @param reconnect_delay  the longest between two tries to connect
    Path(Subsystem& controller, QueueLinks& links, size_t index, Target target,
         std::chrono::milliseconds reconnect_delay);
    ~Path();
    Path(const Path&) = delete;
    Path& operator=(const Path&) = delete;

    const Target& target() const noexcept { return target_; }
    size_t index() const noexcept { return index_; }

    // ---- on the app thread ----

    /// Uses a session that there is.
    void install(Session session);
    /// Connects in the background, until it succeeds or is stopped.
    void connect();
    /// Nothing when it is down already.
    /// @param reset  the I/O of this bdev ends as aborted; may be NULL
    void down(const std::string& reason, const bdk_bdev* reset);
    /// Its connections of that generation are lost.
    void lost(uint32_t generation, const std::string& reason);
    /// Connects again; the I/O of the bdev ends as aborted, also where it waits.
    void reset(const bdk_bdev* bdev);
    /// The controller contradicts what it has said of access states: asks again, and tells the queues.
    void read_access();
    /// It is not to be used any more.
    void stop();
    /// As above; the target is told.
    void shut_down();

    bool is_up() const noexcept { return is_up_; }
    /// Whether it is up and has connected a queue, where there are queues.
    bool works() const noexcept { return works_; }
    /// As told when it was connected, and by events since.
    const std::vector<Namespace>& namespaces() const noexcept { return namespaces_; }
    const Identity& identity() const noexcept { return identity_; }

    using AdminEnded = Rescan::Ended;
    /// Runs an admin command; its end has no result when the connection goes.
    void run_admin(const Command& command, const Data& data, AdminEnded ended);
    /// Aborts command `cid` of the queue; done(whether it was aborted).
    void abort(uint32_t generation, uint16_t queue, uint16_t cid, std::function<void(bool)> done);
    void dump_info(bdevkit::Json json, uint32_t nsid) const;

    // ---- with the lock of the links ----

    /// Connects the queue, now or when it is up.
    /// @return the generation of its connections, and how well the path reaches the queue's namespace
    std::pair<uint32_t, Access> join(const std::shared_ptr<QueueLink>& link);
    /// The queue is gone.
    void leave(const QueueLink& link) { ios_before_ += link.ios[index_]; }
    /// I/O queues that its controller grants; 0: not known yet.
    uint32_t queues() const noexcept { return queues_; }

private:
    struct AdminCall {
        Command command;
        Data data;
        AdminEnded ended;
    };

    bool submit_admin(std::unique_ptr<AdminCall>& call);
    void admin_ended(AdminCall* call, const Result& result);
    void drop_admin();
    void stop_timers();
    void up(Session session);
    void failed(const std::string& reason);
    bool keep_alive();
    void wait_for_event();
    void event_came(uint32_t what);
    void rescanned(std::vector<Namespace> now);
    void set_namespaces(std::vector<Namespace> now);
    void access_read(const std::optional<Result>& result, Bytes log);
    Access access_to(uint32_t nsid) const;
    void tell_access();
    bool transition_is_late();

    // On the worker.
    void reconnect(std::chrono::milliseconds delay);
    void connect_queue(const std::shared_ptr<QueueLink>& link, uint32_t generation);

    /// Runs fn(path) on the app thread, unless the controller is gone by then.
    template <class Fn>
    void on_app_thread(Fn fn);

    Subsystem& controller_;
    QueueLinks& links_;
    const size_t index_;
    const Target target_;
    const std::string name_;
    const std::chrono::milliseconds reconnect_delay_;

    // Changed on the app thread, with the lock of the links.
    uint32_t generation_ = 0;  ///< counts the times that it went
    bool is_up_ = false;
    uint16_t id_ = 0;  ///< of the controller there
    uint32_t queue_size_ = 0, queues_ = 0, in_capsule_ = 0;
    uint64_t ios_before_ = 0;            ///< of queues that are gone
    std::map<uint32_t, Access> access_;  ///< by namespace

    bool works_ = false, was_up_ = false, was_up_or_failed_ = false;
    Identity identity_;
    std::vector<Namespace> namespaces_;
    std::optional<Pump> admin_;
    std::deque<std::unique_ptr<AdminCall>> waiting_;
    bdevkit::Poller keep_alive_;
    bool keep_alive_is_out_ = false;
    uint32_t ana_log_size_ = 0;
    std::map<uint32_t, Access> ana_;  ///< what the log says
    std::chrono::seconds ana_transition_{0};
    bool reads_access_ = false, must_read_again_ = false;
    bdevkit::Poller transition_;  ///< runs while a state changes
    std::string refusal_;         ///< the last one, in the log already
    CancellableWorker worker_;    // last: it uses the others
};

}  // namespace nvme::tcp

// SPDX-License-Identifier: BSD-3-Clause
// A controller that is reached by TCP. Its admin queue is the app thread's. When a connection goes, all go,
// and are made again; I/O waits in the queues.
#pragma once

#include <optional>
#include <set>

#include "../controller.hpp"
#include "link.hpp"
#include "pump.hpp"
#include "rescan.hpp"
#include "session.hpp"
#include "worker.hpp"

class TcpController final : public NvmeController, public std::enable_shared_from_this<TcpController> {
public:
    /// How long to try when a connection is gone.
    struct Patience {
        std::chrono::milliseconds reconnect_delay;  ///< the longest between two tries
        std::chrono::milliseconds loss_timeout;     ///< from then on the controller is given up
        std::chrono::milliseconds command_timeout;  ///< for a command of an I/O queue; 0: any time
    };

    /// @param ways  portals of the subsystem; when the one in use fails the next one's turn comes
    TcpController(std::vector<TcpTarget> ways, const Patience& patience, TcpSession session);
    ~TcpController() override;

    void start(NvmeEvents events) override;
    NvmeLimits limits(const NvmeNamespace& ns) const override;
    std::unique_ptr<NvmeQueue> open_queue(uint32_t nsid) override;
    void reset(const bdk_bdev* bdev, std::function<void(int rc)> done) override;
    void shut_down(std::function<void()> done) override;
    void dump_info(bdevkit::Json json, const NvmeNamespace& ns) const override;

    // ---- for its queues, on their threads ----

    /// "10.0.0.1:4420, NQN", for messages.
    const std::string& name() const noexcept { return name_; }
    std::chrono::milliseconds command_timeout() const noexcept { return patience_.command_timeout; }
    /// A queue wants a connection: TcpQueue::connected(). Throws bdevkit::Error when there are no more.
    /// @return the generation of connections
    uint32_t join(const std::shared_ptr<TcpLink>& link);
    void leave(const std::shared_ptr<TcpLink>& link);
    /// The connection of a queue is gone.
    void lost(uint32_t generation, const std::string& reason);
    /// Runs the admin command of an I/O, and completes it.
    void run_for(const std::shared_ptr<TcpLink>& link, bdevkit::Io io, const NvmeRequest& request);
    /// Runs an abort command for command `cid` of the queue: TcpQueue::abort_ended().
    void abort_for(const std::shared_ptr<TcpLink>& link, uint32_t generation, uint16_t cid,
                   bdevkit::Io abort);

private:
    using AdminEnded = TcpRescan::Ended;
    struct AdminCall {
        NvmeCommand command;
        NvmeData data;
        AdminEnded ended;
    };

    // On the app thread.
    void run_admin(const NvmeCommand& command, const NvmeData& data, AdminEnded ended);
    bool submit_admin(std::unique_ptr<AdminCall>& call);
    void admin_ended(AdminCall* call, const TcpResult& result);
    void drop_admin();
    void install(TcpSession session);
    bool keep_alive();
    void wait_for_event();
    void event_came(uint32_t what);
    void down(const std::string& reason, const bdk_bdev* reset);
    uint32_t replaced(const std::vector<NvmeNamespace>& now) const;
    void up(TcpSession session);
    void give_up(const std::string& reason);
    void end_resets(int rc);

    // On the worker.
    void reconnect(size_t way, TcpClock::time_point give_up_at);
    void connect_queue(const std::shared_ptr<TcpLink>& link, uint32_t generation);

    /// Runs fn(controller) on the app thread, unless the controller is gone by then.
    template <class Fn>
    void on_app_thread(Fn fn) {
        bdevkit::Thread::app().send([weak = weak_from_this(), run = std::move(fn)]() mutable {
            if (const auto self = weak.lock()) run(*self);
        });
    }
    std::set<std::shared_ptr<TcpLink>> links() const;

    struct Reset {
        bdevkit::Thread thread;
        std::function<void(int)> done;
    };

    const std::vector<TcpTarget> ways_;
    const Patience patience_;
    const std::string name_;
    NvmeEvents events_;

    mutable std::mutex mutex_;  ///< of what follows, up to links_
    uint32_t generation_ = 0;   ///< counts the times that it went
    bool is_up_ = true;
    size_t way_ = 0;
    uint16_t id_ = 0;
    uint32_t queue_size_ = 0, queues_ = 0, in_capsule_ = 0;
    uint16_t last_queue_ = 0;
    std::set<std::shared_ptr<TcpLink>> links_;

    TcpSession first_;                                ///< until start()
    std::optional<TcpClock::time_point> away_since_;  ///< none once a queue has been connected again
    std::vector<NvmeNamespace> known_;
    std::optional<TcpPump> admin_;
    std::deque<std::unique_ptr<AdminCall>> waiting_;
    bdevkit::Poller keep_alive_;
    bool keep_alive_is_out_ = false;
    std::vector<Reset> resets_;
    bool is_over_ = false;  ///< given up, or shut down
    TcpWorker worker_;      // last: it uses the others
};

// SPDX-License-Identifier: BSD-3-Clause
// The I/O queue of an io_channel: chooses the path of each command. What was in flight by a path that goes,
// and what comes while there is none, waits here.
#pragma once

#include <deque>
#include <optional>

#include "../controller.hpp"
#include "lane.hpp"
#include "queue_link.hpp"

class TcpController;

class TcpQueue final : public NvmeQueue {
public:
    /// [bdk thread] Asks for connections. Throws bdevkit::Error when the target has no more queues.
    TcpQueue(TcpController& controller, uint32_t nsid);
    ~TcpQueue() override;

    bool submit(bdevkit::Io io, const NvmeRequest& request, bool admin) override;
    void abort(bdevkit::Io abort) override;
    void drain(bdk_io_channel_iter* walk) override;

    // ---- from the controller, on the queue's thread ----

    /// There is a connection.
    /// @param generation  of the path's connections
    void connected(size_t path, uint32_t generation, std::unique_ptr<TcpConnection> connection);
    /// The path connects anew, as `generation`: so will the queue.
    /// @param reset  the I/O of this bdev ends as aborted; may be NULL
    void disconnect(size_t path, uint32_t generation, const bdk_bdev* reset);
    /// How well the path reaches the namespace from now on.
    void set_access(size_t path, TcpAccess access);
    /// The controller will not come back.
    void give_up();
    /// The abort command for `cid` has ended.
    void abort_ended(size_t path, uint32_t generation, uint16_t cid, bdevkit::Io abort, bool aborted);
    /// An admin command has ended. `result` is none when the connection went.
    static void admin_ended(bdevkit::Io io, const std::optional<TcpResult>& result);

private:
    TcpLane* choose(const TcpFlight& flight);
    bool is_better(const TcpLane& lane, const TcpLane& than, const TcpFlight& flight) const;
    int start(const TcpFlight& flight);
    void ended(TcpLane& lane, TcpFlight flight, const TcpResult& result);
    bool is_to_retry(TcpLane& lane, TcpFlight& flight, const TcpResult& result);
    void look_at_access();
    bool access_is_late();
    void refuse_waiting();
    void finish(const TcpFlight& flight, const TcpResult& result);
    void start_waiting();
    void take_back(TcpLane& lane, uint32_t generation, const bdk_bdev* reset);
    void lost(TcpLane& lane, const std::string& reason);
    bool look_for_late();
    bool is_idle() const;
    void end_drain();

    TcpController& controller_;
    std::shared_ptr<TcpLink> link_;
    std::deque<TcpLane> lanes_;  ///< one for each path
    std::deque<TcpFlight> waiting_;
    size_t next_ = 0;       ///< the lane whose turn it is, where several are as good
    bdevkit::Poller look_;  ///< for late commands
    /// Runs while there are connections, but none that the namespace can be accessed by.
    bdevkit::Poller access_timer_;
    bool is_inaccessible_ = false;  ///< for so long that I/O does not wait any more
    bdk_io_channel_iter* draining_ = nullptr;
    bool given_up_ = false;
};

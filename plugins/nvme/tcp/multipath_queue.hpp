// SPDX-License-Identifier: BSD-3-Clause
// The I/O queue of an io_channel: chooses the path of each command. What was in flight by a path that goes,
// and what comes while there is none, waits here.
#pragma once

#include <deque>
#include <optional>

#include "../controller.hpp"
#include "lane.hpp"
#include "queue_link.hpp"

namespace nvme::tcp {

class Subsystem;

class MultipathQueue final : public Queue {
public:
    /// [bdk thread] Asks for connections. Throws bdevkit::Error when the target has no more queues.
    MultipathQueue(Subsystem& controller, uint32_t nsid);
    ~MultipathQueue() override;

    bool submit(bdevkit::Io io, const Request& request, bool admin) override;
    void abort(bdevkit::Io abort) override;
    void drain(bdk_io_channel_iter* walk) override;

    // ---- from the controller, on the queue's thread ----

    /// There is a connection.
    /// @param generation  of the path's connections
    void connected(size_t path, uint32_t generation, std::unique_ptr<Connection> connection);
    /// The path connects anew, as `generation`: so will the queue.
    /// @param reset  the I/O of this bdev ends as aborted; may be NULL
    void disconnect(size_t path, uint32_t generation, const bdk_bdev* reset);
    /// How well the path reaches the namespace from now on.
    void set_access(size_t path, Access access);
    /// The controller will not come back.
    void give_up();
    /// The abort command for `cid` has ended.
    void abort_ended(size_t path, uint32_t generation, uint16_t cid, bdevkit::Io abort, bool aborted);
    /// An admin command has ended. `result` is none when the connection went.
    static void admin_ended(bdevkit::Io io, const std::optional<Result>& result);

private:
    Lane* choose(const Flight& flight);
    bool is_better(const Lane& lane, const Lane& than, const Flight& flight) const;
    int start(const Flight& flight);
    void ended(Lane& lane, Flight flight, const Result& result);
    bool is_to_retry(Lane& lane, Flight& flight, const Result& result);
    void look_at_access();
    bool access_is_late();
    void refuse_waiting();
    void finish(const Flight& flight, const Result& result);
    void start_waiting();
    void take_back(Lane& lane, uint32_t generation, const bdk_bdev* reset);
    void lost(Lane& lane, const std::string& reason);
    bool look_for_late();
    bool is_idle() const;
    void end_drain();

    Subsystem& controller_;
    std::shared_ptr<QueueLink> link_;
    std::deque<Lane> lanes_;  ///< one for each path
    std::deque<Flight> waiting_;
    size_t next_ = 0;       ///< the lane whose turn it is, where several are as good
    bdevkit::Poller look_;  ///< for late commands
    /// Runs while there are connections, but none that the namespace can be accessed by.
    bdevkit::Poller access_timer_;
    bool is_inaccessible_ = false;  ///< for so long that I/O does not wait any more
    bdk_io_channel_iter* draining_ = nullptr;
    bool given_up_ = false;
};

}  // namespace nvme::tcp

// SPDX-License-Identifier: BSD-3-Clause
// The I/O queue of an io_channel: one namespace by all paths.
#pragma once

#include <deque>
#include <optional>

#include "../controller.hpp"
#include "lane.hpp"
#include "queue_link.hpp"
#include "queue_owner.hpp"

namespace nvme::tcp {

/// A command takes the best lane at the time when it is submitted: that of the path with the best access
/// state, and not the one by which the same command has failed before. When a lane loses its connection, its
/// commands come back here and begin again by another lane. While no lane is usable they wait, together with
/// I/O that comes meanwhile. So each I/O ends when a path has carried it out, or when there is no hope:
///
///            no path has given access for loss_timeout
///   serving ------------------------------------------> inaccessible
///    |      <------------------------------------------      |
///    |         a path gives access, or none is connected     |
///    |                                                       |
///    '-------------> given_up: the subsystem is lost <-------'
///
/// `serving`: I/O is sent, or waits. `inaccessible`: I/O fails at once with Asymmetric Access Inaccessible
/// (3/02h); this is also the state, without a delay, while all paths are connected and none of them has the
/// namespace. `given_up`: I/O fails with ENXIO.
class MultipathQueue final : public Queue, private QueueEvents {
public:
    /// [bdk thread] Asks for connections. Throws bdevkit::Error when the target grants no more queues.
    MultipathQueue(QueueOwner& owner, uint32_t nsid);
    ~MultipathQueue() override;

    bool submit(bdevkit::Io io, const Request& request, bool admin) override;
    void abort(bdevkit::Io abort) override;
    void drain(bdk_io_channel_iter* walk) override;

private:
    enum class State : uint8_t { serving, inaccessible, given_up };

    void on_connected(size_t path, uint32_t generation, std::unique_ptr<Connection> connection) override;
    void on_disconnected(size_t path, uint32_t generation, const bdk_bdev* reset) override;
    void on_access_changed(size_t path, Access access) override;
    void on_abort_ended(size_t path, uint32_t generation, uint16_t cid, bdevkit::Io abort,
                        bool aborted) override;
    void on_given_up() override;

    Lane* choose(const Flight& flight);
    bool is_better(const Lane& lane, const Lane& than, const Flight& flight) const;
    int start(const Flight& flight);
    void on_ended(Lane& lane, Flight flight, const Result& result);
    bool is_to_retry(Lane& lane, Flight& flight, const Result& result);
    void update_access();
    bool on_access_timeout();
    void refuse_waiting();
    void finish(const Flight& flight, const Result& result);
    void start_waiting();
    void take_back(Lane& lane, uint32_t generation, const bdk_bdev* reset);
    void on_connection_lost(Lane& lane, const std::string& reason);
    bool check_timeouts();
    bool is_idle() const;
    void end_drain();

    QueueOwner& owner_;
    const QueueSettings& settings_;
    std::shared_ptr<QueueLink> link_;
    std::deque<Lane> lanes_;  ///< one for each path
    std::deque<Flight> waiting_;
    State state_ = State::serving;
    size_t next_ = 0;                ///< the lane whose turn it is, where several are as good
    bdevkit::Poller timeout_timer_;  ///< looks for late commands
    bdevkit::Poller access_timer_;   ///< runs while paths are connected, but none gives access
    bdk_io_channel_iter* draining_ = nullptr;
};

}  // namespace nvme::tcp

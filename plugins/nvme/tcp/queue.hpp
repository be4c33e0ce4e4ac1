// SPDX-License-Identifier: BSD-3-Clause
// The I/O queue of an io_channel. What is in flight when the connection goes, and what comes until there is
// another, waits here.
#pragma once

#include <deque>
#include <optional>

#include "../controller.hpp"
#include "link.hpp"
#include "pump.hpp"

class TcpController;

class TcpQueue final : public NvmeQueue {
public:
    /// [bdk thread] Asks for a connection. Throws bdevkit::Error when the target has no more queues.
    explicit TcpQueue(TcpController& controller);
    ~TcpQueue() override;

    bool submit(bdevkit::Io io, const NvmeRequest& request, bool admin) override;
    void abort(bdevkit::Io abort) override;
    void drain(bdk_io_channel_iter* walk) override;

    // ---- from the controller, on the queue's thread ----

    /// There is a connection.
    /// @param generation  of the controller's connections
    void connected(uint32_t generation, std::unique_ptr<TcpConnection> connection);
    /// The controller connects anew, as `generation`: so will the queue.
    /// @param reset  the I/O of this bdev ends as aborted; may be NULL
    void disconnect(uint32_t generation, const bdk_bdev* reset);
    /// The controller will not come back.
    void give_up();
    /// The abort command for `cid` has ended.
    void abort_ended(uint32_t generation, uint16_t cid, bdevkit::Io abort, bool aborted);
    /// An admin command has ended. `result` is none when the connection went.
    static void admin_ended(bdevkit::Io io, const std::optional<TcpResult>& result);

private:
    struct Flight {
        bdk_bdev_io* io = nullptr;  ///< NULL: free
        NvmeRequest request{};
        uint64_t started = 0;  ///< ticks
        uint32_t retries = 0;
        bool must_end = false;  ///< its connection went, and it may not be carried out twice
        bool is_late = false;
    };

    /// @return as TcpProtocol::submit()
    int start(const Flight& flight);
    void ended(Flight& flight, const TcpResult& result);
    void finish(const Flight& flight, const TcpResult& result);
    void start_waiting();
    void take_back(const bdk_bdev* reset);
    void lost(const std::string& reason);
    bool look_for_late();
    void end_drain();

    TcpController& controller_;
    std::shared_ptr<TcpLink> link_;
    std::optional<TcpPump> pump_;
    uint32_t generation_;
    std::vector<Flight> flights_;  ///< as many as the queue takes
    std::vector<Flight*> free_;
    std::deque<Flight> waiting_;
    bdevkit::Poller look_;  ///< for late commands
    bdk_io_channel_iter* draining_ = nullptr;
    bool given_up_ = false;
};

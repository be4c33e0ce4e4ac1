// SPDX-License-Identifier: BSD-3-Clause
// One client, from accept to close. All of it runs on one worker's thread.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "frontends/nbd/nbd_memory_queue.hpp"
#include "frontends/nbd/nbd_negotiation.hpp"
#include "frontends/nbd/nbd_request.hpp"
#include "frontends/nbd/nbd_ring.hpp"

namespace bdevkit::host::nbd {

class Worker;

struct AllTag;
struct DirtyTag;

/// Input is parsed as it arrives and requests start at once, so that many are in flight. Finished requests
/// are answered together, in the worker's next turn. All ring operations start in flush().
class Connection : public boost::intrusive::list_base_hook<boost::intrusive::tag<AllTag>>,
                   public boost::intrusive::list_base_hook<boost::intrusive::tag<DirtyTag>>,
                   public MemoryClient {
public:
    /// Takes over `fd`. @param peer  for log lines
    Connection(Worker& worker, int fd, std::string peer);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// The worker calls it once per turn after mark_dirty(). It sends answers, starts the next receive, and
    /// ends the connection when that is due.
    void flush();

    /// Accepts no more requests, answers those received and then disconnects the client. After 5 seconds the
    /// client is dropped, and its remaining I/O is aborted, once.
    void drain();

    /// Drops the client at once, but waits for its I/O in flight.
    void close();
    /// Aborts the I/O of its requests, if the bdev supports that.
    void drop_io();

    /// Drops a client whose time is up.
    void check_deadline(uint64_t now_ns);
    bool has_deadline() const noexcept { return deadline_ns_ != 0; }

    /// Called while others wait for memory. Drops the client if it holds memory and has neither sent nor read
    /// anything for 30 seconds, although it could. @param shortage a number that changes each time clients
    /// begin to wait
    void check_stall(uint64_t now_ns, uint64_t shortage);

    /// True when nothing is in flight, so that the worker may delete it.
    bool finished() const noexcept;

    /// The export in use, once the client has chosen it.
    std::optional<size_t> export_index() const noexcept { return export_index_; }

    static constexpr size_t max_requests = 256;
    static constexpr size_t max_request_bytes = 64u << 20;
    /// Size in bytes of the buffer for requests and small payloads.
    static constexpr size_t input_size = 64u << 10;

private:
    enum class State {
        handshake,
        transmission,
        draining,   ///< no more input
        lingering,  ///< everything is answered; waits for the client to close, so that it can read the
                    ///< answers first
        closing,    ///< the socket is shut down
    };

    static void on_received(void* self, int result);
    static void on_sent(void* self, int result);
    static void on_hung_up(void* self, int result);
    static void on_abandoned(void* self);
    static void on_done(Request& request, void* self);
    static void on_given_back(Request& request, void* self);
    void received(size_t bytes);
    void sent(size_t bytes);

    bool input_wanted() const noexcept;
    void process_input();
    void process_handshake();
    void process_requests();
    void enter_transmission();
    void skip_payload();
    void fill_payload();
    bool begin_request(const RequestHeader& header);
    bool has_memory_for(const Request& request);
    void stop_waiting();
    void start_request(Request& request);
    void answer(Request& request);
    void release(Request& request);
    void forget(Request& request);
    void release_answers();

    void start_receiving();
    void start_sending();
    void watch_for_hang_up();
    void hung_up(int events);
    void settle();
    void abandon_io(bool drop);
    void leave_export();
    void end_of_input(int result);
    void client_left();

    std::span<const std::byte> input() const noexcept { return {buffer_.get() + begin_, end_ - begin_}; }
    bool has_room() const noexcept { return held_ < max_requests && held_bytes_ < max_request_bytes; }
    bool nothing_to_send() const noexcept { return outbox_.empty() && replies_.empty(); }

    Worker& worker_;
    const int fd_;
    const std::string peer_;
    State state_ = State::handshake;
    bool dirty_ = false;
    bool linger_ = false;  ///< after draining
    bool said_goodbye_ =
        false;  ///< the client has left: its requests are carried out, although it may not wait for them
    uint64_t deadline_ns_ = 0;

    std::unique_ptr<Negotiation> negotiation_;
    std::optional<size_t> export_index_;
    ExportLimits limits_{};
    Target target_;

    // Receiving: [begin_, end_) of the buffer has been received but not yet parsed.
    RingOp receive_;
    msghdr receive_message_{};
    std::array<iovec, 2> receive_iovs_{};
    std::unique_ptr<std::byte[]> buffer_;
    size_t begin_ = 0;
    size_t end_ = 0;
    size_t read_ahead_;            ///< bytes to receive beyond a payload
    Request* incoming_ = nullptr;  ///< a write whose payload is being received
    size_t incoming_bytes_ = 0;    ///< bytes of its payload so far
    uint64_t skip_bytes_ = 0;      ///< remaining bytes of a refused write's payload

    // Sending.
    RingOp send_;
    msghdr send_message_{};
    std::vector<iovec> send_iovs_;
    std::vector<std::byte> outbox_;  ///< of the handshake
    boost::intrusive::list<Request> replies_;
    size_t front_sent_ = 0;  ///< bytes of outbox_, or of the first reply, that have been sent

    // While the connection neither receives nor sends, which is rare.
    RingOp watch_;           ///< waits for the client to hang up
    size_t abandoning_ = 0;  ///< calls of bdk_bdev_abandon() that have not ended

    size_t held_ = 0;        ///< requests between their header and the end of their reply
    size_t held_bytes_ = 0;  ///< their memory

    uint64_t moved_bytes_ = 0;  ///< received and sent
    uint64_t seen_moved_ = 0;   ///< when check_stall() last saw it move
    uint64_t seen_ns_ = 0;
    uint64_t seen_shortage_ = 0;

    friend class Worker;  // dirty_
};

}  // namespace bdevkit::host::nbd

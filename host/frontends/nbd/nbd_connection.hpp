// SPDX-License-Identifier: BSD-3-Clause
// One client, from accept to close. Lives wholly on one worker's thread.
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

/// Input is parsed as it comes and requests run at once, so that many are in flight; what has finished is
/// answered together, at the worker's next turn. All ring operations start in flush().
class Connection : public boost::intrusive::list_base_hook<boost::intrusive::tag<AllTag>>,
                   public boost::intrusive::list_base_hook<boost::intrusive::tag<DirtyTag>>,
                   public MemoryClient {
public:
    /// Takes over `fd`. @param peer  for log lines
    Connection(Worker& worker, int fd, std::string peer);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// The worker calls it once per turn after mark_dirty(): answers, listens on, and ends when it is time.
    void flush();

    /// Takes no more requests; those that have come are answered, then the client is sent away. All of it has
    /// 5 seconds: then the client is dropped, and the I/O that is left is aborted, once.
    void drain();

    /// Drops the client at once; I/O in flight is waited for.
    void close();
    /// Ends the I/O that its requests wait for, as far as the bdev can.
    void drop_io();

    /// Drops a client that has used up its time.
    void check_deadline(uint64_t now_ns);
    bool has_deadline() const noexcept { return deadline_ns_ != 0; }

    /// Others wait for memory: drops the client if it holds some and has neither sent nor read anything for
    /// 30 seconds, although it is its turn.
    /// @param shortage  another number for each time at which they began to wait
    void check_stall(uint64_t now_ns, uint64_t shortage);

    /// Nothing is in flight any more: the worker may delete it.
    bool finished() const noexcept;

    /// The export in use, once there is one.
    std::optional<size_t> export_index() const noexcept { return export_index_; }

    static constexpr size_t max_requests = 256;
    static constexpr size_t max_request_bytes = 64u << 20;
    /// Of the buffer that requests and small payloads are received into, in bytes.
    static constexpr size_t input_size = 64u << 10;

private:
    enum class State {
        handshake,
        transmission,
        draining,   ///< no more input
        lingering,  ///< all is answered; waits for the client to close, so that it can read the answers first
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
    bool linger_ = false;        ///< after draining
    bool said_goodbye_ = false;  ///< the client: what it has asked for is done, even if it does not wait
    uint64_t deadline_ns_ = 0;

    std::unique_ptr<Negotiation> negotiation_;
    std::optional<size_t> export_index_;
    ExportLimits limits_{};
    Target target_;

    // Receiving: [begin_, end_) of the buffer has come and is not parsed yet.
    RingOp receive_;
    msghdr receive_message_{};
    std::array<iovec, 2> receive_iovs_{};
    std::unique_ptr<std::byte[]> buffer_;
    size_t begin_ = 0;
    size_t end_ = 0;
    size_t read_ahead_;            ///< bytes to receive beyond a payload
    Request* incoming_ = nullptr;  ///< a write whose payload is on its way
    size_t incoming_bytes_ = 0;    ///< of it, so far
    uint64_t skip_bytes_ = 0;      ///< of a refused write's payload

    // Sending.
    RingOp send_;
    msghdr send_message_{};
    std::vector<iovec> send_iovs_;
    std::vector<std::byte> outbox_;  ///< of the handshake
    boost::intrusive::list<Request> replies_;
    size_t front_sent_ = 0;  ///< bytes of outbox_, or of the first reply, that have been sent

    // Neither receiving nor sending, as seldom as that is.
    RingOp watch_;           ///< for the client to hang up
    size_t abandoning_ = 0;  ///< calls of the bdev that have not ended

    size_t held_ = 0;        ///< requests between their header and the end of their reply
    size_t held_bytes_ = 0;  ///< their memory

    uint64_t moved_bytes_ = 0;  ///< received and sent
    uint64_t seen_moved_ = 0;   ///< when check_stall() last saw it move
    uint64_t seen_ns_ = 0;
    uint64_t seen_shortage_ = 0;

    friend class Worker;  // dirty_
};

}  // namespace bdevkit::host::nbd

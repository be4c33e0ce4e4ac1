// SPDX-License-Identifier: BSD-3-Clause
// The life of a connection and its sending side. The receiving side is in nbd_connection_input.cpp.
#include "frontends/nbd/nbd_connection.hpp"

#define BDK_LOG_COMPONENT "nbd"
#include <bdevkit/log.h>
#include <bdevkit/thread.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "frontends/nbd/nbd_worker.hpp"

namespace bdevkit::host::nbd {

namespace {

constexpr uint64_t handshake_time_ns = 30'000'000'000;
constexpr uint64_t drain_time_ns = 5'000'000'000;
/// How long a client may stay idle while it holds memory that others wait for.
constexpr uint64_t stall_time_ns = 30'000'000'000;
/// One send copies at most this much, so that a large reply does not hold the reactor.
constexpr size_t max_send_bytes = 1u << 20;
constexpr size_t max_send_iovs = 512;

}  // namespace

Connection::Connection(Worker& worker, int fd, std::string peer)
    : worker_(worker),
      fd_(fd),
      peer_(std::move(peer)),
      deadline_ns_(bdk_get_time_ns() + handshake_time_ns),
      negotiation_(std::make_unique<Negotiation>(worker)),
      buffer_(std::make_unique_for_overwrite<std::byte[]>(input_size)),
      read_ahead_(input_size) {
    receive_.done = on_received;
    receive_.owner = this;
    send_.done = on_sent;
    send_.owner = this;
    watch_.done = on_hung_up;
    watch_.owner = this;
    outbox_.swap(negotiation_->output());
    worker_.watch_deadlines();
}

Connection::~Connection() {
    leave_export();
    ::close(fd_);
}

void Connection::leave_export() {
    if (target_.channel != nullptr) bdk_put_io_channel(std::exchange(target_.channel, nullptr));
    export_index_.reset();
}

void Connection::flush() {
    dirty_ = false;
    process_input();
    if (waits_for_memory() && state_ != State::transmission) stop_waiting();
    start_sending();
    start_receiving();
    watch_for_hang_up();
    settle();
}

void Connection::drain() {
    if (state_ == State::handshake) return close();
    if (state_ == State::transmission) {
        state_ = State::draining;
        linger_ = true;
        if (receive_.pending) worker_.ring().cancel(receive_);
        worker_.mark_dirty(*this);
    }
    // Until now, a client that leaves by itself had no time limit.
    const uint64_t latest = bdk_get_time_ns() + drain_time_ns;
    deadline_ns_ = deadline_ns_ == 0 ? latest : std::min(deadline_ns_, latest);
    worker_.watch_deadlines();
}

void Connection::close() {
    if (state_ == State::closing) return;
    state_ = State::closing;
    ::shutdown(fd_, SHUT_RDWR);  // ends pending operations
    if (watch_.pending) worker_.ring().cancel(watch_);
    outbox_.clear();
    abandon_io(!said_goodbye_);
    worker_.mark_dirty(*this);
}

void Connection::drop_io() {
    if (!target_.dropped) abandon_io(true);
}

/// The client is lost, so none of its I/O may land on data that others write from now on. Each request still
/// ends with on_done().
void Connection::abandon_io(bool drop) {
    target_.left = true;
    target_.dropped |= drop;
    if (target_.channel == nullptr || held_ == 0) return;
    const auto is_its = [](void* self, void* cb_arg) {
        return cb_arg != nullptr && static_cast<Request*>(cb_arg)->is_of(self);
    };
    const uint32_t flags = drop ? BDK_BDEV_ABANDON_DROP : 0;
    ++abandoning_;
    worker_.count_abandoning();
    bdk_bdev_abandon(target_.desc, target_.channel, flags, is_its, on_abandoned, this);
}

void Connection::on_abandoned(void* self) {
    auto& connection = *static_cast<Connection*>(self);
    --connection.abandoning_;
    connection.worker_.count_abandoned();
    connection.worker_.mark_dirty(connection);
}

void Connection::check_deadline(uint64_t now_ns) {
    if (deadline_ns_ == 0 || now_ns < deadline_ns_) return;
    if (negotiation_ != nullptr) {
        BDK_NOTICELOG("client %s: dropped, its handshake took more than 30 s", peer_.c_str());
    } else if (held_ != 0) {
        BDK_NOTICELOG("client %s: dropped, it had not read the answers to %zu requests after 5 s",
                      peer_.c_str(), held_);
    }
    close();
    drop_io();
    deadline_ns_ = 0;
}

/// Another client may now be first in the queue.
void Connection::stop_waiting() {
    worker_.memory().leave(*this);
    worker_.serve_memory_queue();
}

void Connection::check_stall(uint64_t now_ns, uint64_t shortage) {
    const bool is_its_turn = incoming_ != nullptr || send_.pending;
    if (held_bytes_ == 0 || !is_its_turn || moved_bytes_ != seen_moved_ || shortage != seen_shortage_) {
        seen_moved_ = moved_bytes_;
        seen_shortage_ = shortage;
        seen_ns_ = now_ns;
        return;
    }
    if (now_ns - seen_ns_ < stall_time_ns || state_ == State::closing) return;
    BDK_NOTICELOG(
        "client %s: dropped, it holds %zu KiB of the frontend's memory that others wait for, and "
        "has neither sent nor read anything for 30 s",
        peer_.c_str(), held_bytes_ >> 10);
    close();
}

bool Connection::finished() const noexcept {
    const bool pending = receive_.pending || send_.pending || watch_.pending || abandoning_ != 0;
    return state_ == State::closing && !pending && held_ == 0;
}

/// Performs the next steps of the shutdown that are due.
void Connection::settle() {
    if (!receive_.pending && incoming_ != nullptr && state_ >= State::draining) {
        release(*std::exchange(incoming_, nullptr));  // its payload will never arrive
    }
    if (state_ == State::draining && held_ == 0 && nothing_to_send() && !send_.pending) {
        if (!linger_) return close();
        state_ = State::lingering;
        leave_export();
        ::shutdown(fd_, SHUT_WR);
        worker_.mark_dirty(*this);
    }
    if (state_ == State::closing && !send_.pending) release_answers();
}

void Connection::answer(Request& request) {
    request.make_reply(limits_.structured_replies);
    replies_.push_back(request);
    worker_.mark_dirty(*this);
}

void Connection::release(Request& request) {
    if (!request.give_back(on_given_back, this)) forget(request);
}

void Connection::on_given_back(Request& request, void* self) {
    auto& connection = *static_cast<Connection*>(self);
    connection.forget(request);
    connection.worker_.mark_dirty(connection);
}

void Connection::forget(Request& request) {
    --held_;
    held_bytes_ -= request.footprint();
    worker_.requests().put(request);
    worker_.serve_memory_queue();
}

void Connection::release_answers() {
    replies_.clear_and_dispose([this](Request* request) { release(*request); });
    front_sent_ = 0;
}

void Connection::start_sending() {
    if (send_.pending || nothing_to_send() || state_ == State::closing) return;
    send_iovs_.clear();
    size_t skip = front_sent_;
    size_t room = max_send_bytes;
    const auto add = [&](const void* data, size_t size) {
        const size_t skipped = std::min(skip, size);
        skip -= skipped;
        const size_t taken = std::min(size - skipped, room);
        room -= taken;
        if (taken == 0) return;
        auto* from = static_cast<std::byte*>(const_cast<void*>(data)) + skipped;
        send_iovs_.push_back({.iov_base = from, .iov_len = taken});
        if (send_iovs_.size() == max_send_iovs) room = 0;  // the rest goes with the next send
    };
    add(outbox_.data(), outbox_.size());
    for (const Request& reply : replies_) {
        if (room == 0) break;
        add(reply.reply_head().data(), reply.reply_head().size());
        for (const iovec& piece : reply.reply_data())
            add(piece.iov_base, piece.iov_len);
    }
    send_message_ = {};
    send_message_.msg_iov = send_iovs_.data();
    send_message_.msg_iovlen = send_iovs_.size();
    worker_.ring().send(send_, fd_, &send_message_, MSG_NOSIGNAL | MSG_WAITALL);
}

void Connection::on_sent(void* self, int result) {
    auto& connection = *static_cast<Connection*>(self);
    if (result > 0) {
        connection.sent(static_cast<size_t>(result));
    } else {
        connection.close();  // the client has gone
    }
    connection.worker_.mark_dirty(connection);
}

/// While nothing is received, only this poll notices that the client is lost: when the client has used up its
/// limit of requests in flight, or has shut down its sending side and may still read.
void Connection::watch_for_hang_up() {
    if (receive_.pending || watch_.pending) return;
    if (held_ == 0 && !waits_for_memory()) return;
    if (state_ == State::transmission) worker_.ring().poll(watch_, fd_, POLLRDHUP);
    if (state_ == State::draining) worker_.ring().poll(watch_, fd_, 0);
}

void Connection::on_hung_up(void* self, int result) {
    auto& connection = *static_cast<Connection*>(self);
    if (result > 0) connection.hung_up(result);
    connection.worker_.mark_dirty(connection);
}

void Connection::hung_up(int events) {
    if ((events & (POLLHUP | POLLERR)) != 0) return close();
    // A receive that was started meanwhile finds the data sent before the end, and then the end.
    if (!receive_.pending) end_of_input(0);
}

void Connection::sent(size_t bytes) {
    moved_bytes_ += bytes;
    front_sent_ += bytes;
    if (!outbox_.empty()) {
        if (front_sent_ < outbox_.size()) return;
        front_sent_ -= outbox_.size();
        outbox_.clear();
    }
    while (!replies_.empty()) {
        Request& reply = replies_.front();
        const size_t size = reply.reply_size();
        if (front_sent_ < size) return;
        front_sent_ -= size;
        replies_.pop_front();
        release(reply);
    }
}

}  // namespace bdevkit::host::nbd

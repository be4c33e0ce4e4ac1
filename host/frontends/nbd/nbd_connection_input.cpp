// SPDX-License-Identifier: BSD-3-Clause
// The receiving side of a connection: the handshake, requests and payloads.
#define BDK_LOG_COMPONENT "nbd"
#include <bdevkit/log.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "frontends/nbd/nbd_connection.hpp"
#include "frontends/nbd/nbd_worker.hpp"

namespace bdevkit::host::nbd {

namespace {

/// If more than this is missing from a payload, it is received directly into its buffer.
constexpr size_t large_payload = 64u << 10;
/// The bytes to receive beyond a large payload: the next header and little more, since more would have to be
/// copied.
constexpr size_t short_read_ahead = 4096;

/// On a unix socket a closed client can be told from a client that has only shut down its sending side.
bool is_hung_up(int fd) {
    pollfd look{.fd = fd, .events = 0, .revents = 0};
    return ::poll(&look, 1, 0) > 0;
}

}  // namespace

bool Connection::input_wanted() const noexcept {
    switch (state_) {
        case State::handshake:
            return outbox_.empty();
        case State::transmission:
            return incoming_ != nullptr || skip_bytes_ != 0 || (has_room() && !waits_for_memory());
        case State::lingering:
            return true;
        case State::draining:
        case State::closing:
            break;
    }
    return false;
}

void Connection::start_receiving() {
    if (receive_.pending || !input_wanted()) return;
    if (begin_ != 0) {
        std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    int flags = 0;
    size_t count = 0;
    if (incoming_ != nullptr) {
        const auto rest = incoming_->payload().subspan(incoming_bytes_);
        receive_iovs_[count++] = {.iov_base = rest.data(), .iov_len = rest.size()};
        if (rest.size() > large_payload) flags = MSG_WAITALL;
    }
    if (flags == 0) {
        const size_t room = std::min(input_size - end_, read_ahead_);
        receive_iovs_[count++] = {.iov_base = buffer_.get() + end_, .iov_len = room};
    }
    if (count == 1) return worker_.ring().receive_one(receive_, fd_, receive_iovs_[0], flags);
    receive_message_ = {};
    receive_message_.msg_iov = receive_iovs_.data();
    receive_message_.msg_iovlen = count;
    worker_.ring().receive(receive_, fd_, &receive_message_, flags);
}

void Connection::on_received(void* self, int result) {
    auto& connection = *static_cast<Connection*>(self);
    connection.worker_.mark_dirty(connection);
    if (result > 0) {
        connection.received(static_cast<size_t>(result));
    } else if (result != -EINTR) {
        connection.end_of_input(result);
    }
}

/// The client has closed its side, or vanished, or the receive was cancelled by drain().
void Connection::end_of_input(int result) {
    switch (state_) {
        case State::handshake:
        case State::lingering:
            return close();
        case State::transmission:
            if (incoming_ != nullptr || begin_ != end_) {
                BDK_INFOLOG("client %s: left in the middle of a request", peer_.c_str());
            }
            if (result < 0 || is_hung_up(fd_)) return close();
            return client_left();  // the client may still read
        case State::draining:
        case State::closing:
            return;
    }
}

/// The client sends nothing more. Its requests are still answered, but they come before all later requests of
/// others.
void Connection::client_left() {
    state_ = State::draining;
    worker_.mark_dirty(*this);
    abandon_io(false);
}

void Connection::received(size_t bytes) {
    moved_bytes_ += bytes;
    if (state_ >= State::draining) return;
    if (incoming_ != nullptr) {
        const size_t missing = incoming_->payload().size() - incoming_bytes_;
        const size_t direct = std::min(bytes, missing);
        incoming_bytes_ += direct;
        bytes -= direct;
    }
    end_ += bytes;
    process_input();
}

void Connection::process_input() {
    if (state_ == State::handshake) process_handshake();
    if (state_ == State::transmission) process_requests();
    if (begin_ == end_ || state_ >= State::draining) begin_ = end_ = 0;
}

void Connection::process_handshake() {
    if (!outbox_.empty()) return;
    begin_ += negotiation_->feed(input());
    outbox_.swap(negotiation_->output());
    if (!outbox_.empty()) worker_.mark_dirty(*this);
    if (negotiation_->state() == Negotiation::State::transmission) return enter_transmission();
    if (negotiation_->state() == Negotiation::State::closed) {
        if (!negotiation_->error().empty()) {
            BDK_NOTICELOG("client %s: %s", peer_.c_str(), negotiation_->error().c_str());
        }
        state_ = State::draining;
        worker_.mark_dirty(*this);
    }
}

void Connection::enter_transmission() {
    const Negotiation::Choice choice = negotiation_->choice();
    negotiation_.reset();
    deadline_ns_ = 0;
    state_ = State::transmission;
    target_ = worker_.attach(choice.export_index);
    if (target_.channel == nullptr) {
        BDK_NOTICELOG("client %s: its export is being removed", peer_.c_str());
        return close();
    }
    target_.size = choice.size;
    export_index_ = choice.export_index;
    limits_ = ExportLimits{
        .size = choice.size,
        .flags = choice.flags,
        .structured_replies = choice.structured_replies,
        .base_allocation = choice.base_allocation,
    };
}

void Connection::process_requests() {
    while (state_ == State::transmission) {
        if (skip_bytes_ != 0) skip_payload();
        if (incoming_ != nullptr) fill_payload();
        if (skip_bytes_ != 0 || incoming_ != nullptr) return;
        if (end_ - begin_ < request_size || !has_room()) return;

        const auto header = parse_request(buffer_.get() + begin_);
        if (!header) {
            BDK_WARNLOG("client %s: dropped, a request did not start with its magic number", peer_.c_str());
            return close();
        }
        if (!begin_request(*header)) return;  // it is parsed again when memory is available
    }
}

void Connection::skip_payload() {
    const uint64_t skipped = std::min<uint64_t>(skip_bytes_, end_ - begin_);
    begin_ += skipped;
    skip_bytes_ -= skipped;
}

void Connection::fill_payload() {
    const auto missing = incoming_->payload().subspan(incoming_bytes_);
    const size_t n = std::min(missing.size(), end_ - begin_);
    std::memcpy(missing.data(), buffer_.get() + begin_, n);
    begin_ += n;
    incoming_bytes_ += n;
    if (n == missing.size()) start_request(*std::exchange(incoming_, nullptr));
}

bool Connection::has_memory_for(const Request& request) {
    const bool has_waited = waits_for_memory();
    if (!worker_.memory().admit(*this, request.memory_needed(), held_bytes_)) {
        worker_.watch_deadlines();
        return false;
    }
    if (has_waited) worker_.serve_memory_queue();
    return true;
}

/// @return false when the request has to wait for memory
bool Connection::begin_request(const RequestHeader& header) {
    if (header.command == Command::disc) {
        begin_ += request_size;
        said_goodbye_ = true;
        client_left();
        return true;
    }
    Request& request = worker_.requests().get();
    Error error = check_request(header, limits_);
    if (error == Error::none) {
        request.lay_out(header, target_);
        if (!has_memory_for(request)) {
            worker_.requests().put(request);
            return false;
        }
        error = request.take_memory(worker_.buffers());
    }
    begin_ += request_size;
    ++held_;
    const bool has_payload = header.command == Command::write;
    const bool large = has_payload && header.length > large_payload;
    read_ahead_ = large ? short_read_ahead : input_size;

    if (error != Error::none) {
        if (has_payload) skip_bytes_ = header.length;
        request.clear();
        request.refuse(header, error);
        answer(request);
        return true;
    }
    held_bytes_ += request.footprint();
    if (!has_payload || header.length == 0) {
        start_request(request);
        return true;
    }
    incoming_ = &request;
    incoming_bytes_ = 0;
    return true;
}

void Connection::start_request(Request& request) {
    worker_.count_begun();
    request.start(on_done, this);
}

void Connection::on_done(Request& request, void* self) {
    auto& connection = *static_cast<Connection*>(self);
    connection.worker_.count_answered();
    connection.answer(request);
}

}  // namespace bdevkit::host::nbd

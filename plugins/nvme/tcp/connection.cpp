// SPDX-License-Identifier: BSD-3-Clause
#include "connection.hpp"

#include <bdevkit/error.hpp>

#include <poll.h>

namespace nvme::tcp {

using bdevkit::Error, bdevkit::format;

Connection::Connection(Fd socket, const Protocol::Options& options)
    : socket_(std::move(socket)),
      protocol_(options, [this](void* owner, const Result& result) { on_ended_(owner, result); }),
      buffer_(new std::byte[buffer_size]) {}

bool Connection::turn() {
    if (!failure_.empty()) return false;
    bool busy = send();
    if (failure_.empty()) busy |= receive();
    if (!failure_.empty() || protocol_.failure().empty()) return busy;
    send();  // the PDU that tells the target why
    failure_ = protocol_.failure();
    return true;
}

bool Connection::send() {
    bool busy = false;
    iovec pieces[64];
    while (const size_t count = protocol_.gather(pieces)) {
        msghdr message{};
        message.msg_iov = pieces;
        message.msg_iovlen = count;
        const ssize_t n = sendmsg(fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return busy;
        if (n < 0) {
            failure_ = "the connection broke: " + std::generic_category().message(errno);
            return true;
        }
        protocol_.sent(size_t(n));
        busy = true;
    }
    return busy;
}

bool Connection::receive() {
    for (int reads = 0; reads < most_reads; reads++) {
        const ssize_t n = recv(fd(), buffer_.get(), buffer_size, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return reads != 0;
        if (n <= 0) {
            failure_ = n == 0 ? "the target closed the connection"
                              : "the connection broke: " + std::generic_category().message(errno);
            return true;
        }
        protocol_.receive({buffer_.get(), size_t(n)});
        if (size_t(n) < buffer_size || !protocol_.failure().empty()) return true;
    }
    return true;
}

void Connection::wait_for_socket(const char* what, const Cancel& cancel, Clock::time_point until) {
    if (!failure_.empty()) throw Error(ECONNRESET, failure_);
    const auto events = short(POLLIN | (is_blocked() ? POLLOUT : 0));
    if (!cancel.wait(fd(), events, until))
        throw Error(ETIMEDOUT, format("the target gives no answer to %s", what));
}

}  // namespace nvme::tcp

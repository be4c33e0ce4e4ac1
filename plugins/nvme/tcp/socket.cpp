// SPDX-License-Identifier: BSD-3-Clause
#include "socket.hpp"

#include <bdevkit/error.hpp>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace nvme::tcp {

using bdevkit::Error, bdevkit::format;

Fd::~Fd() {
    if (fd_ >= 0) close(fd_);
}

Cancel::Cancel() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (event_.get() < 0) bdevkit::check(-errno, "eventfd");
}

void Cancel::cancel() noexcept {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = write(event_.get(), &one, sizeof(one));
}

bool Cancel::wait(int fd, short events, Clock::time_point until) const {
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
        pollfd waits[] = {{event_.get(), POLLIN, 0}, {fd, events, 0}};
        const int rc = poll(waits, 2, int(std::max<int64_t>(left.count(), 0)));
        if (rc < 0 && errno != EINTR) bdevkit::check(-errno, "poll");
        if (waits[0].revents != 0) throw Error(ECANCELED, "cancelled");
        if (rc > 0) return true;
        if (rc == 0) return false;
    }
}

std::vector<Address> resolve(const std::string& host, const std::string& service) {
    const addrinfo wanted{.ai_flags = AI_ADDRCONFIG,
                          .ai_family = AF_UNSPEC,
                          .ai_socktype = SOCK_STREAM,
                          .ai_protocol = IPPROTO_TCP,
                          .ai_addrlen = 0,
                          .ai_addr = nullptr,
                          .ai_canonname = nullptr,
                          .ai_next = nullptr};
    addrinfo* found = nullptr;
    // With AI_ADDRCONFIG, a machine without a network does not find 127.0.0.1: try again without it.
    addrinfo any = wanted;
    any.ai_flags = 0;
    int rc = getaddrinfo(host.c_str(), service.c_str(), &wanted, &found);
    if (rc != 0) rc = getaddrinfo(host.c_str(), service.c_str(), &any, &found);
    if (rc != 0)
        throw Error(
            EINVAL,
            format("cannot resolve '%s', service '%s': %s: set `address` to an IP address or a host name, "
                   "and `service` to a port such as 4420",
                   host.c_str(), service.c_str(), gai_strerror(rc)));
    std::vector<Address> result;
    for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
        Address& address = result.emplace_back();
        std::memcpy(&address.storage, each->ai_addr, each->ai_addrlen);
        address.length = each->ai_addrlen;
    }
    freeaddrinfo(found);
    return result;
}

namespace {

/// @return 0 or an errno
int connect_one(const Address& to, const Cancel& cancel, Clock::time_point until, Fd& made) {
    Fd fd(socket(to.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
    if (fd.get() < 0) return errno;
    const int on = 1;
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to.storage), to.length) != 0) {
        if (errno != EINPROGRESS) return errno;
        if (!cancel.wait(fd.get(), POLLOUT, until)) return ETIMEDOUT;
        int error = 0;
        socklen_t length = sizeof(error);
        if (getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
        if (error != 0) return error;
    }
    made = std::move(fd);
    return 0;
}

}  // namespace

Fd connect_socket(const std::vector<Address>& addresses, const std::string& name, const Cancel& cancel,
                  Clock::time_point until) {
    int error = 0;
    for (const Address& address : addresses) {
        Fd made;
        error = connect_one(address, cancel, until, made);
        if (error == 0) return made;
    }
    throw Error(error, format("cannot connect to %s: %s", name.c_str(),
                              std::generic_category().message(error).c_str()));
}

}  // namespace nvme::tcp

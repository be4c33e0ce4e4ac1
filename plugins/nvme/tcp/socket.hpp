// SPDX-License-Identifier: BSD-3-Clause
// TCP sockets, and waiting for them on threads that may block.
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

using TcpClock = std::chrono::steady_clock;

/// A file descriptor that is closed at its end.
class TcpFd {
public:
    TcpFd() = default;
    explicit TcpFd(int fd) noexcept : fd_(fd) {}
    ~TcpFd();
    TcpFd(TcpFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    TcpFd& operator=(TcpFd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    int get() const noexcept { return fd_; }

private:
    int fd_ = -1;
};

/// Ends waits early, once and for all. Any thread.
class TcpCancel {
public:
    TcpCancel();
    void cancel() noexcept;

    /// Waits until `fd` (-1: none) is ready for `events` of poll's.
    /// @return whether it is; false: `until` has come. Throws bdevkit::Error (ECANCELED) when cancelled
    bool wait(int fd, short events, TcpClock::time_point until) const;

private:
    TcpFd event_;
};

struct TcpAddress {
    sockaddr_storage storage;
    socklen_t length;
};

/// [may block] The addresses of a host. Throws bdevkit::Error, with what to do.
std::vector<TcpAddress> tcp_resolve(const std::string& host, const std::string& service);

/// [may block] A socket that does not block, connected to one of the addresses. Throws bdevkit::Error.
/// @param name  of the target, for messages
TcpFd tcp_connect(const std::vector<TcpAddress>& addresses, const std::string& name, const TcpCancel& cancel,
                  TcpClock::time_point until);

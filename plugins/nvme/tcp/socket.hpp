// SPDX-License-Identifier: BSD-3-Clause
// TCP sockets, and waits for them on threads that may block.
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace nvme::tcp {

using Clock = std::chrono::steady_clock;

/// A file descriptor; closed with this object.
class Fd {
public:
    Fd() = default;
    explicit Fd(int fd) noexcept : fd_(fd) {}
    ~Fd();
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    int get() const noexcept { return fd_; }

private:
    int fd_ = -1;
};

/// Ends waits early. [any thread] Once cancelled it stays so.
class Cancel {
public:
    Cancel();
    void cancel() noexcept;

    /// Waits until `fd` (-1: none) is ready for `events`, as poll() has them. Throws bdevkit::Error
    /// (ECANCELED) when cancelled. @return whether it is ready; false at the time `until`
    bool wait(int fd, short events, Clock::time_point until) const;

private:
    Fd event_;
};

struct Address {
    sockaddr_storage storage;
    socklen_t length;
};

/// [may block] The addresses of a host. Throws bdevkit::Error, with advice.
std::vector<Address> resolve(const std::string& host, const std::string& service);

/// [may block] A non-blocking socket that is connected to one of the addresses. Throws bdevkit::Error.
/// @param name  of the target, for messages
Fd connect_socket(const std::vector<Address>& addresses, const std::string& name, const Cancel& cancel,
                  Clock::time_point until);

}  // namespace nvme::tcp

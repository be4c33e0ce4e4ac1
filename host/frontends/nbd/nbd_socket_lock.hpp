// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <tl/expected.hpp>

#include "base/unique_fd.hpp"

namespace bdevkit::host::nbd {

/// Held by a server while it takes the path of a unix socket: it checks whether another server is running
/// there, removes the socket of a dead server, binds and listens. Without the lock a second server could
/// check before the first has bound, and then remove the socket of the first. The lock is a file beside the
/// socket, and releasing the lock removes the file.
class SocketLock {
public:
    /// [main thread] Waits up to five seconds for another server that is starting. @param path path of the
    /// socket
    static tl::expected<SocketLock, std::string> take(const std::string& path);
    SocketLock(SocketLock&&) noexcept = default;
    SocketLock& operator=(SocketLock&&) = delete;
    ~SocketLock();

private:
    SocketLock(std::string file, bdk::UniqueFd fd) : file_(std::move(file)), fd_(std::move(fd)) {}

    std::string file_;
    bdk::UniqueFd fd_;
};

}  // namespace bdevkit::host::nbd

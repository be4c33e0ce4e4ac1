// SPDX-License-Identifier: BSD-3-Clause
// The socket that clients connect to.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace bdevkit::host::nbd {

/// Binds and listens. The destructor removes the file of its unix socket, unless another server has replaced
/// it. If several servers start at once on the same path, exactly one gets it, even if a dead server has left
/// its socket there.
class Listener {
public:
    /// [main thread] @param address  `unix:/path`, `tcp:host:port` or `tcp:[v6]:port`
    static tl::expected<std::unique_ptr<Listener>, std::string> open(const std::string& address);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    int fd() const noexcept { return fd_; }
    bool is_unix() const noexcept { return !path_.empty(); }

    /// The address of the export, in the format of the NBD URI specification.
    std::string uri(std::string_view export_name) const;

    /// Configures a client's socket. @return the client's name for log lines
    std::string prepare_client(int fd) const;

private:
    using Result = tl::expected<std::unique_ptr<Listener>, std::string>;
    Listener() = default;
    static Result open_unix(std::string path);
    static Result open_tcp(std::string_view address);

    int fd_ = -1;
    std::string path_;  ///< path of a unix socket
    dev_t device_ = 0;  ///< inode of its file
    ino_t inode_ = 0;
    std::string host_;  ///< host of a tcp socket, in brackets for v6
    std::string port_;
};

}  // namespace bdevkit::host::nbd

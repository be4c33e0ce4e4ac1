// SPDX-License-Identifier: BSD-3-Clause
// The socket that clients connect to.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace bdevkit::host::nbd {

/// Binds and listens; removes its unix socket's file at the end, unless somebody else has replaced it. Of
/// servers that start at once on one path, one gets it, even when a dead server has left its socket there.
class Listener {
public:
    /// [main thread] @param address  `unix:/path`, `tcp:host:port` or `tcp:[v6]:port`
    static tl::expected<std::unique_ptr<Listener>, std::string> open(const std::string& address);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    int fd() const noexcept { return fd_; }
    bool is_unix() const noexcept { return !path_.empty(); }

    /// Where a client finds the export, as the NBD URI specification writes it.
    std::string uri(std::string_view export_name) const;

    /// Sets a client's socket up. @return what to call the client in log lines
    std::string prepare_client(int fd) const;

private:
    using Result = tl::expected<std::unique_ptr<Listener>, std::string>;
    Listener() = default;
    static Result open_unix(std::string path);
    static Result open_tcp(std::string_view address);

    int fd_ = -1;
    std::string path_;  ///< of a unix socket
    dev_t device_ = 0;  ///< of its file
    ino_t inode_ = 0;
    std::string host_;  ///< of a tcp socket: in brackets when v6
    std::string port_;
};

}  // namespace bdevkit::host::nbd

// SPDX-License-Identifier: BSD-3-Clause
#include "frontends/nbd/nbd_listener.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/limit_text.hpp"
#include "frontends/nbd/nbd_socket_lock.hpp"

namespace bdevkit::host::nbd {

namespace {

constexpr int backlog = 128;
/// Room for many replies in one send. The kernel limits it to net.core.wmem_max.
constexpr int unix_send_buffer = 2 << 20;

std::string percent_encoded(std::string_view text, std::string_view also_plain) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                           (byte >= '0' && byte <= '9') ||
                           std::string_view("-._~").find(c) != std::string_view::npos ||
                           also_plain.find(c) != std::string_view::npos;
        if (plain) {
            out += c;
        } else {
            out += {'%', digits[byte >> 4], digits[byte & 15]};
        }
    }
    return out;
}

auto error(std::string text) {
    return tl::make_unexpected("nbd: " + std::move(text));
}

auto not_an_address(const std::string& text) {
    return error("'" + text +
                 "' is not an address to listen on: expected unix:/path, tcp:host:port or tcp:[v6]:port");
}

/// Removes the socket file of a dead server, under the SocketLock. @return why the path cannot be used
tl::expected<void, std::string> clear_stale(const std::string& path, const sockaddr_un& address) {
    struct stat file {};
    if (::lstat(path.c_str(), &file) != 0) return {};
    if (!S_ISSOCK(file.st_mode))
        return error("'" + path + "' exists and is not a socket; choose another path");
    const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0) return error("socket: " + bdk::errno_text_with_limit(errno));
    const int rc = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    const bool refused = rc != 0 && errno == ECONNREFUSED;
    ::close(probe);
    if (!refused)
        return error("'" + path + "' is already in use by another server; stop it or choose another path");
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
        return error("the old socket '" + path + "' cannot be removed: " + bdk::errno_text_with_limit(errno));
    }
    return {};
}

struct AddrinfoDeleter {
    void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

}  // namespace

Listener::Result Listener::open(const std::string& address) {
    if (address.starts_with("unix:") && address.size() > 5) return open_unix(address.substr(5));
    if (address.starts_with("tcp:")) return open_tcp(std::string_view(address).substr(4));
    return not_an_address(address);
}

Listener::~Listener() {
    // The file is removed while the socket still listens. The file of a closed socket is stale, and another
    // server may have replaced it, even with a file of the same inode number.
    struct stat file {};
    if (inode_ != 0 && ::lstat(path_.c_str(), &file) == 0 && file.st_ino == inode_ &&
        file.st_dev == device_) {
        ::unlink(path_.c_str());
    }
    if (fd_ >= 0) ::close(fd_);
}

Listener::Result Listener::open_unix(std::string path) {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    if (path.size() >= sizeof address.sun_path) {
        return error("the socket path '" + path + "' is longer than 107 bytes; choose a shorter one");
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    const auto lock = SocketLock::take(path);
    if (!lock) return error("unix:" + path + ": " + lock.error());
    if (auto cleared = clear_stale(path, address); !cleared) return tl::make_unexpected(cleared.error());

    std::unique_ptr<Listener> self(new Listener);
    self->path_ = std::move(path);
    self->fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const std::string what = "unix:" + self->path_ + ": ";
    if (self->fd_ < 0 || ::bind(self->fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        return error(what + bdk::errno_text_with_limit(errno));
    }
    struct stat file {};
    if (::lstat(self->path_.c_str(), &file) == 0) {
        self->device_ = file.st_dev;
        self->inode_ = file.st_ino;
    }
    // No client can connect before listen(), so the mode is set in time.
    if (::chmod(self->path_.c_str(), 0600) != 0 || ::listen(self->fd_, backlog) != 0) {
        return error(what + bdk::errno_text_with_limit(errno));
    }
    return self;
}

Listener::Result Listener::open_tcp(std::string_view address) {
    const size_t colon = address.rfind(':');
    std::string host(address.substr(0, colon == std::string_view::npos ? 0 : colon));
    const std::string port(colon == std::string_view::npos ? "" : address.substr(colon + 1));
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    const bool bare_v6 = !bracketed && host.find(':') != std::string::npos;
    if (host.empty() || port.empty() || bare_v6) {
        return not_an_address("tcp:" + std::string(address));
    }
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    addrinfo* found = nullptr;
    const int rc = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
    if (rc != 0) return error("tcp:" + std::string(address) + ": " + ::gai_strerror(rc));
    const std::unique_ptr<addrinfo, AddrinfoDeleter> list(found);

    std::unique_ptr<Listener> self(new Listener);
    self->fd_ = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    if (self->fd_ >= 0) {
        ::setsockopt(self->fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (found->ai_family == AF_INET6) ::setsockopt(self->fd_, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
    if (self->fd_ < 0 || ::bind(self->fd_, found->ai_addr, found->ai_addrlen) != 0 ||
        ::listen(self->fd_, backlog) != 0) {
        return error("tcp:" + std::string(address) + ": " + bdk::errno_text_with_limit(errno));
    }
    sockaddr_storage bound{};
    socklen_t length = sizeof bound;
    std::array<char, NI_MAXSERV> bound_port{};
    ::getsockname(self->fd_, reinterpret_cast<sockaddr*>(&bound), &length);
    ::getnameinfo(reinterpret_cast<sockaddr*>(&bound), length, nullptr, 0, bound_port.data(),
                  bound_port.size(), NI_NUMERICSERV);
    self->host_ = bracketed ? "[" + host + "]" : host;
    self->port_ = bound_port.data();
    return self;
}

std::string Listener::uri(std::string_view export_name) const {
    // A slash in the name is unambiguous; other special characters must not be mistaken for the URI's own.
    const std::string name = percent_encoded(export_name, "/");
    if (is_unix()) {
        // bind() gets the path as given, because a socket's path must be short; the URI gets the absolute
        // path, because clients have other working folders.
        const std::string path = std::filesystem::absolute(path_).string();
        return "nbd+unix:///" + name + "?socket=" + percent_encoded(path, "/");
    }
    return "nbd://" + host_ + ":" + port_ + "/" + name;
}

std::string Listener::prepare_client(int fd) const {
    if (is_unix()) {
        ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &unix_send_buffer, sizeof unix_send_buffer);
        ucred peer{};
        socklen_t length = sizeof peer;
        ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length);
        return "of process " + std::to_string(peer.pid);
    }
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    std::array<char, NI_MAXHOST> host{};
    std::array<char, NI_MAXSERV> port{};
    ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length);
    ::getnameinfo(reinterpret_cast<sockaddr*>(&peer), length, host.data(), host.size(), port.data(),
                  port.size(), NI_NUMERICHOST | NI_NUMERICSERV);
    return std::string("at ") + host.data() + " port " + port.data();
}

}  // namespace bdevkit::host::nbd

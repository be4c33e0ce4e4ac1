// SPDX-License-Identifier: BSD-3-Clause
// A small NBD client that blocks: one thread of a test, one connection.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "frontends/nbd/nbd_protocol.hpp"

namespace bdevkit::host::nbd {

class Client {
public:
    using Bytes = std::vector<std::byte>;

    explicit Client(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
        std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
        EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        receive(18);
        Bytes flags;
        Writer(flags).put(uint32_t{handshake_fixed_newstyle | handshake_no_zeroes});
        send(flags);
    }
    ~Client() { ::close(fd_); }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// Enters transmission. @return size and flags, or nothing when the export is refused
    struct Granted {
        uint64_t size;
        uint16_t flags;
    };
    std::optional<Granted> go(std::string_view name) {
        Bytes option;
        Writer(option)
            .put(option_magic)
            .put(static_cast<uint32_t>(Option::go))
            .put(static_cast<uint32_t>(6 + name.size()))
            .put(static_cast<uint32_t>(name.size()))
            .put(name)
            .put(uint16_t{0});
        send(option);
        std::optional<Granted> granted;
        while (true) {
            const Bytes head = receive(20);
            if (head.size() < 20) return std::nullopt;
            const auto type = static_cast<OptionReply>(load_be<uint32_t>(head.data() + 12));
            const Bytes data = receive(load_be<uint32_t>(head.data() + 16));
            if (type == OptionReply::ack) return granted;
            if (type != OptionReply::info) return std::nullopt;
            granted = Granted{load_be<uint64_t>(data.data() + 2), load_be<uint16_t>(data.data() + 10)};
        }
    }

    void request(Command command, uint64_t offset, uint32_t length, const Bytes& payload = {},
                 uint16_t flags = 0, uint64_t cookie = 1) {
        Bytes bytes;
        Writer(bytes)
            .put(request_magic)
            .put(flags)
            .put(static_cast<uint16_t>(command))
            .put(cookie)
            .put(offset)
            .put(length);
        bytes.insert(bytes.end(), payload.begin(), payload.end());
        send(bytes);
    }

    /// The error of the next answer and the data of a read; nothing when the server has closed.
    struct Answer {
        Error error;
        Bytes data;
    };
    std::optional<Answer> answer(uint32_t length = 0) {
        const Bytes head = receive(simple_reply_size);
        if (head.size() < simple_reply_size) return std::nullopt;
        EXPECT_EQ(load_be<uint32_t>(head.data()), simple_reply_magic);
        const auto error = static_cast<Error>(load_be<uint32_t>(head.data() + 4));
        return Answer{error, error == Error::none ? receive(length) : Bytes{}};
    }

    Error write(uint64_t offset, const Bytes& data, uint16_t flags = 0) {
        request(Command::write, offset, static_cast<uint32_t>(data.size()), data, flags);
        const auto got = answer();
        return got ? got->error : Error::shutdown;
    }
    Bytes read(uint64_t offset, uint32_t length) {
        request(Command::read, offset, length);
        const auto got = answer(length);
        return got ? got->data : Bytes{};
    }
    Error command(Command what, uint64_t offset, uint32_t length, uint16_t flags = 0) {
        request(what, offset, length, {}, flags);
        const auto got = answer();
        return got ? got->error : Error::shutdown;
    }

    /// Waits until the server closes. @return false when it sends something instead
    bool closed() { return receive(1).empty(); }

private:
    void send(const Bytes& bytes) {
        size_t sent = 0;
        while (sent < bytes.size()) {
            const ssize_t n = ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
            if (n <= 0) return;
            sent += static_cast<size_t>(n);
        }
    }

    Bytes receive(size_t count) {
        Bytes bytes(count);
        size_t have = 0;
        while (have < count) {
            const ssize_t n = ::recv(fd_, bytes.data() + have, count - have, 0);
            if (n <= 0) break;
            have += static_cast<size_t>(n);
        }
        bytes.resize(have);
        return bytes;
    }

    int fd_;
};

}  // namespace bdevkit::host::nbd

// SPDX-License-Identifier: BSD-3-Clause
// A queue's protocol on its socket. Used by one thread at a time.
#pragma once

#include <memory>

#include "protocol.hpp"
#include "socket.hpp"

namespace nvme::tcp {

class Connection {
public:
    /// @param socket  connected, and does not block
    Connection(Fd socket, const Protocol::Options& options);

    /// Takes the ends of commands from now on.
    void set_on_ended(Protocol::OnEnded on_ended) { on_ended_ = std::move(on_ended); }

    Protocol& protocol() noexcept { return protocol_; }
    const Protocol& protocol() const noexcept { return protocol_; }
    int fd() const noexcept { return socket_.get(); }

    /// Sends what waits and takes what has come, without blocking; commands end in it.
    /// @return whether there was anything
    bool turn();
    /// Whether there is more to send than the socket takes now.
    bool is_blocked() const noexcept { return protocol_.has_output(); }
    /// Why there is no connection any more; empty while there is.
    const std::string& failure() const noexcept { return failure_; }

    /// [may block] Turns until done() or `until`. Throws bdevkit::Error when the connection fails, time is up
    /// or it is cancelled.
    /// @param what  that is waited for
    template <class Done>
    void wait(Done&& done, const char* what, const Cancel& cancel, Clock::time_point until) {
        while (!done()) {
            if (turn()) continue;
            wait_for_socket(what, cancel, until);
        }
    }

private:
    static constexpr size_t buffer_size = 256 * 1024;
    /// Reads in a turn, so that a fast target does not keep the reactor.
    static constexpr int most_reads = 4;

    bool send();
    bool receive();
    void wait_for_socket(const char* what, const Cancel& cancel, Clock::time_point until);

    Fd socket_;
    Protocol protocol_;
    Protocol::OnEnded on_ended_;
    std::unique_ptr<std::byte[]> buffer_;
    std::string failure_;
};

}  // namespace nvme::tcp

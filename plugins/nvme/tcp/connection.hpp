// SPDX-License-Identifier: BSD-3-Clause
// The protocol of a queue on a socket.
#pragma once

#include <memory>

#include "protocol.hpp"
#include "socket.hpp"

namespace nvme::tcp {

/// Moves bytes between Protocol and socket, without blocking, or waits for them where the thread may block.
/// Used by one thread at a time: first the worker that connects and authenticates, then a Pump. Once it has
/// failed it stays so; the owner makes another one.
class Connection {
public:
    /// @param socket  connected and non-blocking
    Connection(Fd socket, const Protocol::Options& options);

    /// From now on `on_ended` is called when a command ends.
    void set_on_ended(Protocol::OnEnded on_ended) { on_ended_ = std::move(on_ended); }

    Protocol& protocol() noexcept { return protocol_; }
    const Protocol& protocol() const noexcept { return protocol_; }
    int fd() const noexcept { return socket_.get(); }

    /// Sends and receives as much as possible without blocking. Commands may end in the call.
    /// @return whether anything was sent or received
    bool turn();
    /// Whether there is output that the socket does not accept now.
    bool is_blocked() const noexcept { return protocol_.has_output(); }
    /// Why the connection has failed; empty while it works.
    const std::string& failure() const noexcept { return failure_; }

    /// [may block] Turns until done() is true. Throws bdevkit::Error when the connection fails, at the time
    /// `until`, or when cancelled.
    /// @param what  it waits for, for messages
    template <class Done>
    void wait(Done&& done, const char* what, const Cancel& cancel, Clock::time_point until) {
        while (!done()) {
            if (turn()) continue;
            wait_for_socket(what, cancel, until);
        }
    }

private:
    static constexpr size_t buffer_size = 256 * 1024;
    /// The most reads in a turn, so that a fast target does not occupy the reactor.
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

// SPDX-License-Identifier: BSD-3-Clause
// The io_uring of one nbd thread.
#pragma once

#include <liburing.h>

#include <cstdint>
#include <memory>
#include <string>
#include <tl/expected.hpp>

namespace bdevkit::host::nbd {

/// One operation in flight. It must stay where it is until `done` has been called.
struct RingOp {
    /// @param result  what the system call would have returned, errors as negative errno
    using Done = void (*)(void* owner, int result);

    Done done = nullptr;
    void* owner = nullptr;
    bool pending = false;
};

/// [one OS thread] Submits what was prepared and delivers what has completed, with one system call a turn.
class Ring {
public:
    /// The error says what to do where io_uring is missing.
    static tl::expected<std::unique_ptr<Ring>, std::string> create();
    ~Ring();
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;

    /// Becomes readable when turn() has something to deliver, while the ring is armed.
    int event_fd() const noexcept { return event_fd_; }
    /// Before a sleep: asks for event_fd(). @return false when there is something to deliver already
    bool arm();
    /// After a sleep: from now on turn() is called anyway.
    void disarm();

    void accept(RingOp& op, int fd);
    /// Into one buffer, which costs less than a message.
    void receive_one(RingOp& op, int fd, const iovec& buffer, int flags);
    void receive(RingOp& op, int fd, msghdr* message, int flags);
    void send(RingOp& op, int fd, const msghdr* message, int flags);
    /// Waits for poll(2)'s `events`, or POLLHUP or POLLERR; the result is what has come.
    void poll(RingOp& op, int fd, unsigned events);
    /// Makes a pending operation end early; its `done` runs nevertheless.
    void cancel(RingOp& op);

    /// @return true if anything was submitted or delivered
    bool turn();

private:
    Ring() = default;
    bool work_waits() const;
    io_uring_sqe* next_sqe();
    void start(RingOp& op, io_uring_sqe* sqe);

    io_uring ring_{};
    int event_fd_ = -1;
};

}  // namespace bdevkit::host::nbd

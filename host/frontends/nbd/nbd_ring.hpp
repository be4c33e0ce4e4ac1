// SPDX-License-Identifier: BSD-3-Clause
// The io_uring of one nbd thread.
#pragma once

#include <liburing.h>

#include <cstdint>
#include <memory>
#include <string>
#include <tl/expected.hpp>

namespace bdevkit::host::nbd {

/// One operation in flight. It must not move until `done` has been called.
struct RingOp {
    /// @param result the return value of the system call, errors as negative errno
    using Done = void (*)(void* owner, int result);

    Done done = nullptr;
    void* owner = nullptr;
    bool pending = false;
};

/// [one OS thread] Submits prepared operations and delivers completions, with one system call per turn.
class Ring {
public:
    /// The error says what to do if io_uring is missing.
    static tl::expected<std::unique_ptr<Ring>, std::string> create();
    ~Ring();
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;

    /// Becomes readable when turn() has something to deliver, while the ring is armed.
    int event_fd() const noexcept { return event_fd_; }
    /// Before a sleep: arms event_fd(). @return false when there are already completions to deliver
    bool arm();
    /// After a sleep: disarms it, since turn() is called anyway from now on.
    void disarm();

    void accept(RingOp& op, int fd);
    /// Receives into one buffer, which costs less than a message.
    void receive_one(RingOp& op, int fd, const iovec& buffer, int flags);
    void receive(RingOp& op, int fd, msghdr* message, int flags);
    void send(RingOp& op, int fd, const msghdr* message, int flags);
    /// Waits for poll(2)'s `events`, POLLHUP or POLLERR; the result has the events that occurred.
    void poll(RingOp& op, int fd, unsigned events);
    /// Cancels a pending operation; its `done` still runs.
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

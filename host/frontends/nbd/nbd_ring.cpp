// SPDX-License-Identifier: BSD-3-Clause
#include "frontends/nbd/nbd_ring.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "base/limit_text.hpp"

namespace bdevkit::host::nbd {

namespace {

constexpr unsigned queue_entries = 256;

std::string why_no_ring(int rc) {
    const std::string cause = bdk::errno_text_with_limit(rc);
    switch (-rc) {
        case ENOSYS:
            return "io_uring is not in this kernel: the nbd frontend needs Linux 5.15 or later";
        case EPERM:
        case EACCES:
            return "io_uring is forbidden here (" + cause +
                   "): set the sysctl kernel.io_uring_disabled to 0, or, in a container, allow "
                   "io_uring_setup, "
                   "io_uring_enter and io_uring_register in its seccomp profile";
        case ENOMEM:
            return "no memory for io_uring: raise the limit of locked memory (ulimit -l)";
        default:
            return "io_uring_setup failed: " + cause;
    }
}

}  // namespace

tl::expected<std::unique_ptr<Ring>, std::string> Ring::create() {
    // Setup flags from the newest kernel to the oldest: completion work runs only inside turn() (6.1); it
    // does not interrupt the thread (5.19); no flags.
    constexpr std::array<unsigned, 3> ways{
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        0,
    };
    std::unique_ptr<Ring> self(new Ring);
    int rc = 0;
    for (const unsigned flags : ways) {
        rc = io_uring_queue_init(queue_entries, &self->ring_, flags);
        if (rc != -EINVAL) break;
    }
    if (rc < 0) {
        self->ring_.ring_fd = -1;
        return tl::make_unexpected(why_no_ring(rc));
    }
    // The ring's own descriptor does not work: with DEFER_TASKRUN it does not become readable for waiting
    // work (seen on 6.18).
    self->event_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    rc = self->event_fd_ < 0 ? -errno : io_uring_register_eventfd(&self->ring_, self->event_fd_);
    if (rc < 0) return tl::make_unexpected(why_no_ring(rc));
    self->disarm();
    io_uring_register_ring_fd(
        &self->ring_);  // saves a lookup in each call; kernels before 5.18 do not support it
    return self;
}

Ring::~Ring() {
    if (ring_.ring_fd >= 0) io_uring_queue_exit(&ring_);
    if (event_fd_ >= 0) ::close(event_fd_);
}

bool Ring::arm() {
    io_uring_cq_eventfd_toggle(&ring_, true);
    // Completions after this store are signalled; earlier ones are found by the following check.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!work_waits()) return true;
    io_uring_cq_eventfd_toggle(&ring_, false);
    return false;
}

void Ring::disarm() {
    io_uring_cq_eventfd_toggle(&ring_, false);
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t n = ::read(event_fd_, &count, sizeof count);
}

/// Without a system call.
bool Ring::work_waits() const {
    constexpr unsigned kernel_has_work = IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW;
    return io_uring_sq_ready(&ring_) != 0 || io_uring_cq_ready(&ring_) != 0 ||
           (IO_URING_READ_ONCE(*ring_.sq.kflags) & kernel_has_work) != 0;
}

io_uring_sqe* Ring::next_sqe() {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    while (sqe == nullptr) {
        io_uring_submit(&ring_);
        sqe = io_uring_get_sqe(&ring_);
    }
    return sqe;
}

void Ring::start(RingOp& op, io_uring_sqe* sqe) {
    io_uring_sqe_set_data(sqe, &op);
    op.pending = true;
}

void Ring::accept(RingOp& op, int fd) {
    io_uring_sqe* sqe = next_sqe();
    io_uring_prep_accept(sqe, fd, nullptr, nullptr, SOCK_CLOEXEC);
    start(op, sqe);
}

void Ring::receive_one(RingOp& op, int fd, const iovec& buffer, int flags) {
    io_uring_sqe* sqe = next_sqe();
    io_uring_prep_recv(sqe, fd, buffer.iov_base, buffer.iov_len, flags);
    start(op, sqe);
}

void Ring::receive(RingOp& op, int fd, msghdr* message, int flags) {
    io_uring_sqe* sqe = next_sqe();
    io_uring_prep_recvmsg(sqe, fd, message, flags);
    start(op, sqe);
}

void Ring::send(RingOp& op, int fd, const msghdr* message, int flags) {
    io_uring_sqe* sqe = next_sqe();
    io_uring_prep_sendmsg(sqe, fd, message, flags);
    start(op, sqe);
}

void Ring::poll(RingOp& op, int fd, unsigned events) {
    io_uring_sqe* sqe = next_sqe();
    io_uring_prep_poll_add(sqe, fd, events);
    start(op, sqe);
}

void Ring::cancel(RingOp& op) {
    io_uring_sqe* sqe = next_sqe();
    io_uring_prep_cancel(sqe, &op, 0);
    io_uring_sqe_set_data(sqe, nullptr);
}

bool Ring::turn() {
    if (!work_waits()) return false;
    io_uring_submit_and_get_events(&ring_);
    unsigned delivered = 0;
    unsigned head = 0;
    io_uring_cqe* cqe = nullptr;
    io_uring_for_each_cqe(&ring_, head, cqe) {
        ++delivered;
        auto* op = static_cast<RingOp*>(io_uring_cqe_get_data(cqe));
        if (op == nullptr) continue;  // result of a cancel
        op->pending = false;
        op->done(op->owner, cqe->res);
    }
    io_uring_cq_advance(&ring_, delivered);
    return true;
}

}  // namespace bdevkit::host::nbd

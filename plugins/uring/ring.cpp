// SPDX-License-Identifier: BSD-3-Clause
#include "ring.hpp"

#include <bdevkit/memory.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <bdevkit/error.hpp>

#include <algorithm>
#include <atomic>
#include <vector>

namespace {

constexpr unsigned entries = 256;
constexpr unsigned completions = 2048;
constexpr unsigned sq_thread_idle_ms = 20;

[[noreturn]] void fail(const char* call, int rc) {
    const char* advice = "";
    if (rc == -ENOSYS) advice = ": this kernel has no io_uring; Linux 5.15 or later is needed";
    if (rc == -EPERM || rc == -EACCES)
        advice =
            ": set the sysctl kernel.io_uring_disabled to 0 or, in a container, allow io_uring in its seccomp"
            " profile";
    if (rc == -ENOMEM) advice = ": raise the limit of locked memory (ulimit -l)";
    if (rc == -EMFILE) advice = ": raise the limit of open files (ulimit -n)";
    throw bdevkit::Error(
        rc, bdevkit::format("%s: %s%s", call, std::generic_category().message(-rc).c_str(), advice));
}

}  // namespace

Ring::Ring(std::span<const int> files, const Options& options) : options_(options) {
    make();
    try {
        set_up(files);
    } catch (...) {
        if (event_fd_ >= 0) close(event_fd_);
        io_uring_queue_exit(&ring_);
        throw;
    }
}

Ring::~Ring() {
    io_uring_unregister_files(&ring_);  // immediately, not at a later time of the kernel's choice
    io_uring_queue_exit(&ring_);
    if (event_fd_ >= 0) close(event_fd_);
}

void Ring::make() {
    // Setup flags from the newest kernel to the oldest: completion work runs only inside turn() (6.1); it
    // does not interrupt the thread (5.19); no flags. With the kernel's submission thread none is needed.
    constexpr unsigned ways[] = {
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        0,
    };
    int rc = -EINVAL;
    for (const unsigned way : ways) {
        if (rc != -EINVAL || (way != 0 && options_.sqpoll)) continue;
        io_uring_params params{};
        params.flags = way | IORING_SETUP_CQSIZE | (options_.sqpoll ? IORING_SETUP_SQPOLL : 0) |
                       (options_.iopoll ? IORING_SETUP_IOPOLL : 0) |
                       (options_.nvme ? IORING_SETUP_SQE128 | IORING_SETUP_CQE32 : 0);
        params.cq_entries = completions;
        params.sq_thread_idle = sq_thread_idle_ms;
        rc = io_uring_queue_init_params(entries, &ring_, &params);
    }
    if (rc < 0) fail("io_uring_setup", rc);
}

void Ring::set_up(std::span<const int> files) {
    int rc = io_uring_register_files(&ring_, files.data(), unsigned(files.size()));
    if (rc < 0) fail("io_uring_register_files", rc);
    if (options_.heap) register_heap();
    // The ring's own descriptor does not work: with DEFER_TASKRUN it does not become readable for waiting
    // work.
    event_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    rc = event_fd_ < 0 ? -errno : io_uring_register_eventfd(&ring_, event_fd_);
    if (rc < 0) fail("io_uring_register_eventfd", rc);
    disarm();
    io_uring_register_ring_fd(&ring_);  // saves a lookup in each call; kernels before 5.18 do not support it
}

void Ring::register_heap() {
    uint64_t bytes = 0;
    void* heap = bdk_dma_get_heap(&bytes);
    if (heap == nullptr)
        throw bdevkit::Error(
            ENOTSUP,
            "`registered_buffers`: the host's heap is in hugepages, whose pages come and go: set "
            "`hugepages: off` for the host, or leave the option out");
    std::vector<iovec> pieces;
    for (uint64_t at = 0; at < bytes; at += longest_piece)
        pieces.push_back({static_cast<std::byte*>(heap) + at, std::min(longest_piece, bytes - at)});
    const int rc = io_uring_register_buffers(&ring_, pieces.data(), unsigned(pieces.size()));
    if (rc < 0) fail("io_uring_register_buffers", rc);
    heap_ = reinterpret_cast<uintptr_t>(heap);
    heap_bytes_ = bytes;
}

io_uring_sqe* Ring::next_after_submit() noexcept {
    io_uring_submit(&ring_);
    if (options_.sqpoll) io_uring_sqring_wait(&ring_);
    return io_uring_get_sqe(&ring_);
}

void Ring::cancel(void* owner) noexcept {
    io_uring_sqe* sqe = next();
    if (sqe == nullptr) return;
    io_uring_prep_cancel(sqe, owner, owner == nullptr ? IORING_ASYNC_CANCEL_ANY : 0);
    io_uring_sqe_set_data(sqe, nullptr);
    must_submit_ = true;
}

/// Without a system call.
bool Ring::work_waits() const noexcept {
    constexpr unsigned kernel_has_work = IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW;
    return must_submit_ || (options_.iopoll && in_flight_ != 0) || io_uring_cq_ready(&ring_) != 0 ||
           (IO_URING_READ_ONCE(*ring_.sq.kflags) & kernel_has_work) != 0;
}

void Ring::enter() noexcept {
    if (options_.sqpoll) {
        io_uring_submit(&ring_);  // a system call only to wake the kernel's thread
        must_submit_ = false;
    } else {
        // Operations that the kernel could not take for lack of memory or room are submitted in the next
        // turn.
        io_uring_submit_and_get_events(&ring_);
        must_submit_ = io_uring_sq_ready(&ring_) != 0;
    }
}

bool Ring::arm() noexcept {
    if (options_.iopoll && in_flight_ != 0) return false;
    io_uring_cq_eventfd_toggle(&ring_, true);
    // Completions after this store are signalled; earlier ones are found by the following check.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!work_waits()) return true;
    io_uring_cq_eventfd_toggle(&ring_, false);
    return false;
}

void Ring::disarm() noexcept {
    io_uring_cq_eventfd_toggle(&ring_, false);
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t n = read(event_fd_, &count, sizeof(count));
}

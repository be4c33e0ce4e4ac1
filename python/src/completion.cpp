// SPDX-License-Identifier: BSD-3-Clause
#include "completion.hpp"

#include <bdevkit/thread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "call_python.hpp"
#include "held.hpp"
#include "python_lock.hpp"

namespace bdevkit::python {

namespace {

/// The interval at which a wait checks for signals that another thread has received.
constexpr long slice_ns = 50'000'000;

void pause_cpu() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

timespec in_a_slice() {
    timespec at{};
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += slice_ns;
    at.tv_sec += at.tv_nsec / 1'000'000'000;
    at.tv_nsec %= 1'000'000'000;
    return at;
}

}  // namespace

LoopQueue::LoopQueue() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

LoopQueue::~LoopQueue() {
    close(fd_);
}

void LoopQueue::push(std::shared_ptr<Completion> completion) {
    Completion* added = completion.get();
    added->in_queue_ = std::move(completion);
    Completion* head = head_.load(std::memory_order_relaxed);
    do {
        added->next_ = head;
    } while (!head_.compare_exchange_weak(head, added, std::memory_order_release, std::memory_order_relaxed));
    if (head == nullptr) eventfd_write(fd_, 1);
}

void LoopQueue::drain() {
    eventfd_t count = 0;
    eventfd_read(fd_, &count);
    Completion* reversed = nullptr;
    for (Completion* each = head_.exchange(nullptr, std::memory_order_acquire); each != nullptr;) {
        Completion* next = std::exchange(each->next_, reversed);
        reversed = std::exchange(each, next);
    }
    while (reversed != nullptr) {
        const std::shared_ptr<Completion> completion = std::move(reversed->in_queue_);
        reversed = completion->next_;
        const auto future = py::reinterpret_steal<py::object>(std::exchange(completion->future_, nullptr));
        if (!call_python(future.attr("done"), py::tuple()).cast<bool>())
            call_python(future.attr("set_result"), py::make_tuple(py::none()));
    }
    release_left_behind();
}

Completion::Completion() {
    sem_init(&semaphore_, 0, 0);
}

Completion::~Completion() {
    sem_destroy(&semaphore_);
}

bool Completion::spin() {
    if (is_done()) return true;
    const uint64_t time = patience();
    const uint64_t end = bdk_get_time_ns() + time;
    while (bdk_get_time_ns() < end) {
        for (int i = 0; i < 16; ++i) {
            if (is_done()) {
                note_patience(true);
                return true;
            }
            pause_cpu();
        }
    }
    note_patience(false);
    return is_done();
}

void Completion::wait() {
    if (bdk_get_thread() != nullptr)
        throw std::runtime_error(
            "a blocking call on a bdk thread would hold its reactor: use the awaitable form in an async def");
    {
        const WithoutGil without_gil;
        if (spin()) return;
    }
    State expected = State::pending;
    if (!state_.compare_exchange_strong(expected, State::waited) && expected == State::done) return;
    while (!is_done()) {
        {
            const WithoutGil without_gil;
            const timespec until = in_a_slice();
            sem_clockwait(&semaphore_, CLOCK_MONOTONIC, &until);
        }
        if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    }
}

py::object Completion::make_future() {
    const py::tuple pair = call_python(import_python("bdevkit._loop").attr("running"), py::tuple());
    const py::object future = call_python(py::object(pair[0]).attr("create_future"), py::tuple());
    queue_ = pair[1].cast<std::shared_ptr<LoopQueue>>();
    future_ = future.ptr();
    Py_INCREF(future_);
    State expected = State::pending;
    if (state_.compare_exchange_strong(expected, State::queued)) return future;
    Py_CLEAR(future_);
    return py::none();
}

void Completion::finish() {
    // After the exchange the owner may destroy the object, so everything needed afterwards is copied first.
    const std::shared_ptr<Completion> self = shared_from_this();
    const State before = state_.exchange(State::done, std::memory_order_acq_rel);
    if (before == State::waited) sem_post(&semaphore_);
    if (before == State::queued) {
        const std::shared_ptr<LoopQueue> queue = queue_;
        queue->push(self);
    }
}

}  // namespace bdevkit::python

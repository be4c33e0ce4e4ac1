// SPDX-License-Identifier: BSD-3-Clause
// Signals a completion from a native thread to a Python thread, which blocks or runs an event loop.
#pragma once

#include <pybind11/pybind11.h>
#include <semaphore.h>

#include <atomic>
#include <cstdint>
#include <memory>

namespace bdevkit::python {

namespace py = pybind11;

class Completion;

/// The queue of completions for one asyncio event loop, with an eventfd that the loop watches.
class LoopQueue {
public:
    LoopQueue();
    ~LoopQueue();
    LoopQueue(const LoopQueue&) = delete;
    LoopQueue& operator=(const LoopQueue&) = delete;

    int fd() const { return fd_; }

    /// [any thread] Wakes the loop only if it has taken all earlier completions.
    void push(std::shared_ptr<Completion> completion);

    /// [with the GIL, in the loop] Completes the futures of the queued completions.
    void drain();

private:
    int fd_;
    std::atomic<Completion*> head_{nullptr};
};

/// An I/O or a batch under way. It ends once. Its owner polls, waits, or is woken by its loop.
class Completion : public std::enable_shared_from_this<Completion> {
public:
    Completion();
    virtual ~Completion();
    Completion(const Completion&) = delete;
    Completion& operator=(const Completion&) = delete;

    /// [with the GIL] Starts it, once. Throws when that fails.
    virtual void start() = 0;

    /// [with the GIL] Requests an abort, if it has not ended.
    virtual void abort() {}

    /// [with the GIL, done] The return value of the call, once; throws the exception of the call.
    virtual py::object result() = 0;

    /// How long to spin before sleeping, in nanoseconds. Afterwards the function below is told whether
    /// spinning was enough.
    virtual uint64_t patience() const { return 0; }
    virtual void note_patience(bool) {}

    /// [any thread]
    bool is_done() const { return state_.load(std::memory_order_acquire) == State::done; }

    /// [with the GIL, not a bdk thread] Waits without the GIL and lets signals through: throws the exceptions
    /// of their handlers.
    void wait();

    /// Spins for the time given above. @return whether it is done
    bool spin();

    /// [with the GIL] An asyncio future of the running loop that ends together with this object; none if it
    /// has already ended.
    py::object make_future();

protected:
    /// [any thread] Marks it as ended; the results are set. The object may be destroyed during the call.
    void finish();

private:
    friend class LoopQueue;
    enum class State : uint32_t { pending, waited, queued, done };

    std::atomic<State> state_{State::pending};
    sem_t semaphore_;
    // For a completion that an event loop waits for.
    std::shared_ptr<LoopQueue> queue_;
    PyObject* future_ = nullptr;
    Completion* next_ = nullptr;
    std::shared_ptr<Completion> in_queue_;
};

}  // namespace bdevkit::python

// SPDX-License-Identifier: BSD-3-Clause
// How a native thread tells a Python one that something has ended: blocking, or through an event loop.
#pragma once

#include <pybind11/pybind11.h>
#include <semaphore.h>

#include <atomic>
#include <cstdint>
#include <memory>

namespace bdevkit::python {

namespace py = pybind11;

class Completion;

/// The way into one asyncio event loop: an eventfd that the loop watches, and what has ended since.
class LoopQueue {
public:
    LoopQueue();
    ~LoopQueue();
    LoopQueue(const LoopQueue&) = delete;
    LoopQueue& operator=(const LoopQueue&) = delete;

    int fd() const { return fd_; }

    /// [any thread] Wakes the loop only if it has taken everything before.
    void push(std::shared_ptr<Completion> completion);

    /// [with the GIL, in the loop] Ends the futures of what has ended.
    void drain();

private:
    int fd_;
    std::atomic<Completion*> head_{nullptr};
};

/// Something under way: an I/O or a batch. It ends once; its owner looks, waits, or is woken by its loop.
class Completion : public std::enable_shared_from_this<Completion> {
public:
    Completion();
    virtual ~Completion();
    Completion(const Completion&) = delete;
    Completion& operator=(const Completion&) = delete;

    /// [with the GIL] Begins it, once. Throws when it cannot.
    virtual void start() = 0;

    /// [with the GIL] Asks for its end, if it has not ended.
    virtual void abort() {}

    /// [with the GIL, done] What the call returns, once; throws what it raises.
    virtual py::object result() = 0;

    /// How long to spin for it before sleeping, in nanoseconds; told afterwards whether that paid.
    virtual uint64_t patience() const { return 0; }
    virtual void note_patience(bool) {}

    /// [any thread]
    bool is_done() const { return state_.load(std::memory_order_acquire) == State::done; }

    /// [with the GIL, not a bdk thread] Waits, without the GIL, and lets signals through: throws what their
    /// handlers raise.
    void wait();

    /// Spins as long as it has patience. @return whether it is done
    bool spin();

    /// [with the GIL] An asyncio future of the running loop that ends when this has; or none: it has ended.
    py::object make_future();

protected:
    /// [any thread] It has ended: the results stand. This may be destroyed in the call.
    void finish();

private:
    friend class LoopQueue;
    enum class State : uint32_t { pending, waited, queued, done };

    std::atomic<State> state_{State::pending};
    sem_t semaphore_;
    // Of a completion that an event loop waits for.
    std::shared_ptr<LoopQueue> queue_;
    PyObject* future_ = nullptr;
    Completion* next_ = nullptr;
    std::shared_ptr<Completion> in_queue_;
};

}  // namespace bdevkit::python

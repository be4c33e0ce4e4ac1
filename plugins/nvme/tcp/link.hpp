// SPDX-License-Identifier: BSD-3-Clause
// How a controller reaches a queue on the queue's thread, which may be gone at any time.
#pragma once

#include <bdevkit/thread.hpp>

#include <memory>
#include <mutex>

class TcpQueue;

struct TcpLink {
    /// [the queue's thread]
    explicit TcpLink(TcpQueue& of) noexcept : queue(&of), thread(bdevkit::Thread::current()) {}

    /// [any thread] Runs fn(queue) on the queue's thread, unless the queue is gone by then.
    template <class Fn>
    static void tell(const std::shared_ptr<TcpLink>& link, Fn fn) {
        // While there is a queue, its thread does not exit.
        const std::lock_guard lock(link->mutex);
        if (link->queue == nullptr) return;
        link->thread.send([link, run = std::move(fn)]() mutable {
            if (link->queue != nullptr) run(*link->queue);
        });
    }

    /// [the queue's thread] The queue goes.
    void cut() {
        const std::lock_guard lock(mutex);
        queue = nullptr;
    }

    std::mutex mutex;
    TcpQueue* queue;  ///< changed on its thread alone
    bdevkit::Thread thread;
    uint16_t id = 0;  ///< of the queue, from 1 on
};

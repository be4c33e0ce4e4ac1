// SPDX-License-Identifier: BSD-3-Clause
// How a controller reaches a queue on the queue's thread, which may be gone at any time.
#pragma once

#include <bdevkit/thread.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

namespace nvme::tcp {

class MultipathQueue;

struct QueueLink {
    /// [the queue's thread]
    /// @param of_namespace  that its I/O is for
    QueueLink(MultipathQueue& of, uint32_t of_namespace, size_t paths)
        : nsid(of_namespace), ios(paths), queue(&of), thread(bdevkit::Thread::current()) {}

    /// [any thread] Runs fn(queue) on the queue's thread, unless the queue is gone by then.
    template <class Fn>
    static void tell(const std::shared_ptr<QueueLink>& link, Fn fn) {
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

    /// [the queue's thread] A command has been submitted by this path.
    void count(size_t path) noexcept {
        ios[path].store(ios[path].load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }

    const uint32_t nsid;
    std::vector<std::atomic<uint64_t>> ios;  ///< commands submitted, by path
    std::mutex mutex;
    MultipathQueue* queue;  ///< changed on its thread alone
    bdevkit::Thread thread;
    uint16_t id = 0;  ///< of the queue, from 1 on
};

/// The queues of a controller, and the lock of what its paths share with them.
struct QueueLinks {
    /// [any thread]
    std::set<std::shared_ptr<QueueLink>> now() const {
        const std::lock_guard lock(mutex);
        return all;
    }

    mutable std::mutex mutex;
    std::set<std::shared_ptr<QueueLink>> all;
};

}  // namespace nvme::tcp

// SPDX-License-Identifier: BSD-3-Clause
// How subsystem and paths, which live on the app thread, reach a queue, which lives on a thread of its own
// and may be gone at any time.
#pragma once

#include <bdevkit/bdevkit.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "ana.hpp"

namespace nvme::tcp {

class Connection;

/// What a queue is told. Each function: [the queue's thread].
class QueueEvents {
public:
    /// A path has connected the queue.
    /// @param generation  of the path's connections
    virtual void on_connected(size_t path, uint32_t generation, std::unique_ptr<Connection> connection) = 0;
    /// The path connects again, as `generation`; on_connected() follows.
    /// @param reset  the I/O of this bdev ends as aborted; may be NULL
    virtual void on_disconnected(size_t path, uint32_t generation, const bdk_bdev* reset) = 0;
    /// How well the path reaches the queue's namespace from now on.
    virtual void on_access_changed(size_t path, Access access) = 0;
    /// The abort command for `cid` has ended.
    virtual void on_abort_ended(size_t path, uint32_t generation, uint16_t cid, bdevkit::Io abort,
                                bool aborted) = 0;
    /// The subsystem is lost, and does not connect again.
    virtual void on_given_up() = 0;

protected:
    ~QueueEvents() = default;
};

/// A path as a new queue finds it.
struct JoinedPath {
    uint32_t generation;  ///< of its connections
    Access access;        ///< to the queue's namespace
};

/// Shared by a queue and by everything that may still have news for it. The queue cuts the link when it is
/// destroyed; later news are dropped.

struct QueueLink {
    /// [the queue's thread]
    /// @param of_namespace  the namespace of its I/O
    QueueLink(QueueEvents& of, uint32_t of_namespace, size_t paths)
        : nsid(of_namespace), ios(paths), queue(&of), thread(bdevkit::Thread::current()) {}

    /// [any thread] Runs fn(queue) on the queue's thread, unless the queue is gone by then.
    template <class Fn>
    static void tell(const std::shared_ptr<QueueLink>& link, Fn fn) {
        // The thread exists as long as the queue does.
        const std::lock_guard lock(link->mutex);
        if (link->queue == nullptr) return;
        link->thread.send([link, run = std::move(fn)]() mutable {
            if (link->queue != nullptr) run(*link->queue);
        });
    }

    /// [the queue's thread] The queue is about to go.
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
    QueueEvents* queue;  ///< changed on its thread alone
    bdevkit::Thread thread;
    uint16_t id = 0;  ///< of the queue, from 1 on
};

/// The queues of a subsystem, and the lock of the state that its paths share with them.
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

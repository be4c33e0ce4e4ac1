// SPDX-License-Identifier: BSD-3-Clause
// A thread for jobs that wait for the network.
#pragma once

#include <bdevkit/error.hpp>

#include <cerrno>
#include <functional>
#include <utility>

#include "../worker.hpp"
#include "socket.hpp"

namespace nvme::tcp {

/// Its jobs wait with cancel(), so that stop() ends them at once. A job that ends with the error ECANCELED is
/// over.
class CancellableWorker {
public:
    CancellableWorker() { thread_.start(); }
    ~CancellableWorker() { stop(); }
    CancellableWorker(const CancellableWorker&) = delete;
    CancellableWorker& operator=(const CancellableWorker&) = delete;

    /// [any thread] Runs job() on the thread, after earlier jobs. It does not run after stop().
    void post(std::function<void()> job) {
        thread_.post([job = std::move(job)] {
            try {
                job();
            } catch (const bdevkit::Error& error) {
                if (error.rc() != -ECANCELED) throw;
            }
        });
    }
    /// [not the worker's thread] Cancels what the running job waits for, and waits until the job has ended.
    void stop() {
        thread_.end();
        cancel_.cancel();
        thread_.stop();
    }

    /// For the waits of jobs: ends them when the worker is stopped.
    const Cancel& cancel() const noexcept { return cancel_; }

private:
    Cancel cancel_;
    Worker thread_;  // last: it uses the other member
};

}  // namespace nvme::tcp

// SPDX-License-Identifier: BSD-3-Clause
// A thread for connecting, whose waits can be ended.
#pragma once

#include <bdevkit/error.hpp>

#include <cerrno>
#include <functional>
#include <utility>

#include "../worker.hpp"
#include "socket.hpp"

namespace nvme::tcp {

class CancellableWorker {
public:
    CancellableWorker() { thread_.start(); }
    ~CancellableWorker() { stop(); }
    CancellableWorker(const CancellableWorker&) = delete;
    CancellableWorker& operator=(const CancellableWorker&) = delete;

    /// [any thread] Runs job() on the thread, after those before it; never once it is stopped.
    void post(std::function<void()> job) {
        thread_.post([job = std::move(job)] {
            try {
                job();
            } catch (const bdevkit::Error& error) {
                if (error.rc() != -ECANCELED) throw;
            }
        });
    }
    /// [not the worker's thread] Ends waits of the job at hand and waits for its end.
    void stop() {
        thread_.end();
        cancel_.cancel();
        thread_.stop();
    }

    /// Ends waits when the worker is stopped.
    const Cancel& cancel() const noexcept { return cancel_; }

private:
    Cancel cancel_;
    Worker thread_;  // last: it uses the other
};

}  // namespace nvme::tcp

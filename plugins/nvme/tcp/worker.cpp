// SPDX-License-Identifier: BSD-3-Clause
#include "worker.hpp"

#include <bdevkit/error.hpp>

void TcpWorker::post(std::function<void()> job) {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
    posted_.notify_one();
}

void TcpWorker::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
        posted_.notify_one();
    }
    cancel_.cancel();
    if (thread_.joinable()) thread_.join();
}

void TcpWorker::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        posted_.wait(lock, [this] { return stopped_ || !jobs_.empty(); });
        if (stopped_) return;
        {
            const std::function<void()> job = std::move(jobs_.front());
            jobs_.pop_front();
            lock.unlock();
            bdevkit::detail::guarded(BDK_LOG_COMPONENT, "connect", [&] {
                try {
                    job();
                } catch (const bdevkit::Error& error) {
                    if (error.rc() != -ECANCELED) throw;
                }
            });
        }
        lock.lock();
    }
}

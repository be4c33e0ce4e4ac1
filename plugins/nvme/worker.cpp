// SPDX-License-Identifier: BSD-3-Clause
#include "worker.hpp"

#include <bdevkit/error.hpp>

#include <chrono>
#include <utility>

namespace nvme {

namespace {

constexpr std::chrono::milliseconds period{50};

}  // namespace

void Worker::start(Job look) {
    look_ = std::move(look);
    thread_ = std::thread([this] { run(); });
}

void Worker::post(Job job) {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
    changed_.notify_one();
}

void Worker::end() {
    const std::lock_guard lock(mutex_);
    ends_ = true;
    changed_.notify_one();
}

void Worker::stop() {
    end();
    if (thread_.joinable()) thread_.join();
}

void Worker::wait(std::unique_lock<std::mutex>& lock) {
    const auto has_work = [this] { return ends_ || !jobs_.empty(); };
    if (look_)
        changed_.wait_for(lock, period, has_work);
    else
        changed_.wait(lock, has_work);
}

void Worker::run() {
    std::unique_lock lock(mutex_);
    for (wait(lock); !ends_; wait(lock)) {
        Job job = look_;
        if (!jobs_.empty()) {
            job = std::move(jobs_.front());
            jobs_.pop_front();
        }
        lock.unlock();
        bdevkit::detail::guarded(BDK_LOG_COMPONENT, "controller", job);
        job = nullptr;  // destroys what the job holds, without the lock
        lock.lock();
    }
}

}  // namespace nvme

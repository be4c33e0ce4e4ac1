// SPDX-License-Identifier: BSD-3-Clause
#include "worker.hpp"

#include <bdevkit/error.hpp>

#include <chrono>
#include <utility>

namespace {

constexpr std::chrono::milliseconds period{50};

}  // namespace

Worker::~Worker() {
    {
        const std::lock_guard lock(mutex_);
        ends_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void Worker::start(Job look) {
    look_ = std::move(look);
    thread_ = std::thread([this] { run(); });
}

void Worker::post(Job job) {
    {
        const std::lock_guard lock(mutex_);
        jobs_.push_back(std::move(job));
    }
    changed_.notify_one();
}

void Worker::run() {
    std::unique_lock lock(mutex_);
    while (!ends_) {
        changed_.wait_for(lock, period, [this] { return ends_ || !jobs_.empty(); });
        if (ends_) return;
        Job job = look_;
        if (!jobs_.empty()) {
            job = std::move(jobs_.front());
            jobs_.pop_front();
        }
        lock.unlock();
        bdevkit::detail::guarded(BDK_LOG_COMPONENT, "controller", job);
        job = nullptr;  // what it held goes here
        lock.lock();
    }
}

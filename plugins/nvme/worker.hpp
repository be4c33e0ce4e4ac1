// SPDX-License-Identifier: BSD-3-Clause
// A thread of a controller for jobs that wait.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace nvme {

/// Runs one job after another. While there is none, it may look at the device from time to time.
class Worker {
public:
    using Job = std::function<void()>;

    Worker() = default;
    ~Worker() { stop(); }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// @param look  called on the worker's thread every 50 ms while there is no job; none: the thread sleeps
    void start(Job look = nullptr);
    /// [any thread] Runs `job` on the worker's thread. Exceptions of the job are logged.
    void post(Job job);
    /// [any thread] No job begins from here on. Jobs that wait are dropped with the worker.
    void end();
    /// [not the worker's thread] Calls end(), then waits until the running job has ended.
    void stop();

private:
    void run();
    void wait(std::unique_lock<std::mutex>& lock);

    Job look_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Job> jobs_;
    bool ends_ = false;
    std::thread thread_;
};

}  // namespace nvme

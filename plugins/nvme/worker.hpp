// SPDX-License-Identifier: BSD-3-Clause
// A controller's thread for what waits: jobs one after the other, and a look around from time to time.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace nvme {

class Worker {
public:
    using Job = std::function<void()>;

    Worker() = default;
    ~Worker() { stop(); }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// @param look  called on the worker's thread every 50 ms while there is no job; none: it sleeps
    void start(Job look = nullptr);
    /// [any thread] Runs `job` on the worker's thread. What it throws is logged.
    void post(Job job);
    /// [any thread] No job begins from here on; those that wait are dropped at the end.
    void end();
    /// [not the worker's thread] As end(), and waits for the job that runs.
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

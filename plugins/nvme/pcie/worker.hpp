// SPDX-License-Identifier: BSD-3-Clause
// A thread for what waits: jobs one after the other, and a look around from time to time.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

class Worker {
public:
    using Job = std::function<void()>;

    Worker() = default;
    /// Ends after the job that runs; those that wait are dropped.
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// @param look  called on the worker's thread every 50 ms while there is no job
    void start(Job look);
    /// [any thread] Runs `job` on the worker's thread. What it throws is logged.
    void post(Job job);

private:
    void run();

    Job look_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Job> jobs_;
    bool ends_ = false;
    std::thread thread_;
};

// SPDX-License-Identifier: BSD-3-Clause
// A thread for what may block: connecting.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "socket.hpp"

class TcpWorker {
public:
    TcpWorker() : thread_([this] { run(); }) {}
    ~TcpWorker() { stop(); }
    TcpWorker(const TcpWorker&) = delete;
    TcpWorker& operator=(const TcpWorker&) = delete;

    /// [any thread] Runs job() on the thread, after those before it; never once it is stopped.
    void post(std::function<void()> job);
    /// [not the worker's thread] Ends waits of the job at hand and waits for its end.
    void stop();

    /// Ends waits when the worker is stopped.
    const TcpCancel& cancel() const noexcept { return cancel_; }

private:
    void run();

    TcpCancel cancel_;
    std::mutex mutex_;
    std::condition_variable posted_;
    std::deque<std::function<void()>> jobs_;
    bool stopped_ = false;
    std::thread thread_;  // last: it uses the others
};

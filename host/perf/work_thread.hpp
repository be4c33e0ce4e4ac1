// SPDX-License-Identifier: BSD-3-Clause
// The threads that submit the I/O of `bdevkit perf`.
#pragma once

#include <bdevkit/thread.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <vector>

namespace bdevkit::host {

/// CPU time of all threads of the process, user and system.
inline double process_cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// [any thread] Queues fn to run once on `thread`.
inline void send(bdk_thread* thread, std::function<void()> fn) {
    auto message = std::make_unique<std::function<void()>>(std::move(fn));
    const auto run = [](void* arg) {
        const std::unique_ptr<std::function<void()>> mine(static_cast<std::function<void()>*>(arg));
        (*mine)();
    };
    if (bdk_thread_send_msg(thread, run, message.get()) == 0) static_cast<void>(message.release());
}

/// [not a bdk thread] A bdk_thread on one core or on any core. It exits when this object is destroyed.
class WorkThread {
public:
    /// @param core -1: any core
    explicit WorkThread(int64_t core) : core_(core) {
        std::vector<uint64_t> mask;
        if (core >= 0) {
            mask.resize(static_cast<size_t>(core) / 64 + 1);
            mask.back() = uint64_t{1} << (core % 64);
        }
        const std::string name = core >= 0 ? fmt::format("perf-{}", core) : "perf";
        thread_ = bdk_thread_create(name.c_str(), core >= 0 ? mask.data() : nullptr,
                                    static_cast<uint32_t>(mask.size()));
    }
    ~WorkThread() {
        if (thread_ != nullptr) run([] { bdk_thread_exit(); });
    }
    WorkThread(const WorkThread&) = delete;
    WorkThread& operator=(const WorkThread&) = delete;

    bool exists() const { return thread_ != nullptr; }
    int64_t core() const { return core_; }
    bdk_thread* get() const { return thread_; }

    /// Runs fn on the thread and waits until it returns.
    void run(const std::function<void()>& fn) const {
        std::promise<void> done;
        send(thread_, [&] {
            fn();
            done.set_value();
        });
        done.get_future().wait();
    }

private:
    int64_t core_;
    bdk_thread* thread_ = nullptr;
};

}  // namespace bdevkit::host

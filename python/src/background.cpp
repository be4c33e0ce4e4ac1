// SPDX-License-Identifier: BSD-3-Clause
#include "background.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/start_thread.hpp"
#include "python_lock.hpp"

namespace bdevkit::python {

namespace {

struct Calls {
    std::mutex mutex;
    std::condition_variable changed;
    size_t running = 0;
};

/// Never destroyed, because a call may outlive main().
Calls& calls() {
    static auto* instance = new Calls;
    return *instance;
}

}  // namespace

void Background::start() {
    auto run = [self = std::static_pointer_cast<Background>(shared_from_this())]() mutable {
        self->run();
        self->finish();
        self.reset();
        const std::lock_guard lock(calls().mutex);
        --calls().running;
        calls().changed.notify_all();
    };
    // The thread is counted after it has started; its end waits for the lock.
    const std::lock_guard lock(calls().mutex);
    bdk::start_thread("the thread of a call from Python", std::move(run)).detach();
    ++calls().running;
}

void wait_for_background() {
    const WithoutGil without_gil;
    std::unique_lock lock(calls().mutex);
    calls().changed.wait_for(lock, std::chrono::seconds(30), [] { return calls().running == 0; });
}

}  // namespace bdevkit::python

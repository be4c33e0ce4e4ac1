// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "runtime"
#include "runtime/runtime.hpp"

#include <bdevkit/log.h>
#include <bdevkit/thread.h>

#include <atomic>
#include <exception>
#include <future>
#include <stdexcept>
#include <system_error>

#include "base/errno_text.hpp"
#include "base/standard_fds.hpp"
#include "bdev/lifecycle/bdev_layer.hpp"
#include "diag/exit_guard.hpp"
#include "diag/watchdog.hpp"
#include "env/env.hpp"
#include "env/iobuf.hpp"
#include "module/call_gate.hpp"
#include "thread/io_device_table.hpp"
#include "thread/thread_registry.hpp"

namespace bdk {
namespace {

std::atomic<bool> g_running{false};

bdk_thread* app_thread_for_call() {
    bdk_thread* app = ThreadRegistry::instance().app_thread();
    if (app == nullptr) throw std::logic_error("no host is running: start a Runtime first");
    const bdk_thread* here = current_thread();
    if (here != nullptr && here != app) {
        throw std::logic_error("a bdk thread must not wait for another one (rule 5): send it a message");
    }
    return app;
}

/// A call on its way to the app thread. It owns the promise, because the caller may return before set_value()
/// does.
struct Call {
    explicit Call(const std::function<void()>& function) : fn(function) {}
    const std::function<void()>& fn;
    std::promise<void> returned;
};

void call_msg(void* arg) {
    const std::unique_ptr<Call> call(static_cast<Call*>(arg));
    std::exception_ptr thrown;
    try {
        call->fn();
    } catch (...) {
        thrown = std::current_exception();
    }
    if (thrown) {
        call->returned.set_exception(std::move(thrown));
    } else {
        call->returned.set_value();
    }
}

}  // namespace

Runtime::Runtime() = default;

tl::expected<std::unique_ptr<Runtime>, std::string> Runtime::start(const RuntimeOptions& options) {
    if (current_thread() != nullptr)
        return tl::unexpected(std::string("a host cannot start on a bdk thread"));
    if (g_running.exchange(true)) {
        return tl::unexpected(std::string("a host is already running in this process: end it first"));
    }
    hold_standard_descriptors();
    set_violation_policy(options.violations);
    // On an error its destructor stops the parts that have been started.
    std::unique_ptr<Runtime> runtime(new Runtime);
    try {
        if (auto started = runtime->start_layers(options); !started) return tl::unexpected(started.error());
    } catch (const std::system_error& refused) {  // of a thread or a descriptor
        return tl::unexpected(std::string(refused.what()));
    }
    return runtime;
}

tl::expected<void, std::string> Runtime::start_layers(const RuntimeOptions& options) {
    exit_guard_ = std::make_unique<ExitGuard>("the host was running");
    if (auto env = env_init(options.env); !env) return env;
    if (auto reactors = ThreadRegistry::instance().start(options.reactors); !reactors) return reactors;
    reactors_ = true;
    if (options.blocked_limit.count() != 0) watchdog_ = std::make_unique<Watchdog>(options.blocked_limit);

    int rc = 0;
    call_on_app_thread([&] { rc = iobuf_start(options.env); });
    if (rc != 0) return tl::unexpected("iobuf pools: " + errno_text(rc) + ": use fewer or smaller buffers");
    iobuf_ = true;

    rc = await_on_app_thread([&](const Done& done) {
        open_call_gate();
        bdev_layer_start(options.bdev, done);
    });
    if (rc != 0) return tl::unexpected("bdev layer: " + errno_text(rc));
    bdev_layer_ = true;
    return {};
}

// Stopping a host on one of its own threads is a bug of the program, and the exception ends it.
// NOLINTNEXTLINE(bugprone-exception-escape)
Runtime::~Runtime() {
    if (bdev_layer_) await_on_app_thread([](const Done& done) { bdev_layer_stop(done); });
    if (iobuf_) await_on_app_thread([](const Done& done) { iobuf_stop([done] { done(0); }); });
    if (reactors_) ThreadRegistry::instance().end_threads();
    watchdog_.reset();
    if (reactors_) ThreadRegistry::instance().end_reactors();
    IoDeviceTable::instance().clear();
    g_running = false;
}

void call_on_app_thread(const std::function<void()>& fn) {
    bdk_thread* app = app_thread_for_call();
    if (app == current_thread()) {
        fn();
        return;
    }
    auto call = std::make_unique<Call>(fn);
    std::future<void> returned = call->returned.get_future();
    if (!send_always(app, call_msg, call.get())) throw std::logic_error("the host is stopping");
    static_cast<void>(call.release());  // owned by the message from here on
    returned.get();
}

int await_on_app_thread(const std::function<void(Done done)>& fn) {
    if (current_thread() != nullptr) {
        throw std::logic_error("a bdk thread must not wait (rule 5): give it a callback");
    }
    // Shared, because fn may keep its `done` longer than this call runs.
    auto result = std::make_shared<std::promise<int>>();
    std::future<int> future = result->get_future();
    call_on_app_thread([&] { fn([result](int rc) { result->set_value(rc); }); });
    return future.get();
}

}  // namespace bdk

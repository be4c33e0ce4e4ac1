// SPDX-License-Identifier: BSD-3-Clause
#include "io_thread.hpp"

#include <cerrno>
#include <future>
#include <mutex>
#include <stdexcept>

#include "open_desc.hpp"

namespace bdevkit::python {

namespace {

struct Call {
    const std::function<void()>& fn;
    std::promise<void> returned;
};

void run_call(void* arg) {
    auto* call = static_cast<Call*>(arg);
    call->fn();
    // The caller may return before set_value() does, so the promise must not belong to the caller.
    std::promise<void> returned = std::move(call->returned);
    returned.set_value();
}

}  // namespace

IoThread::IoThread() : thread_(bdk_thread_create("python", nullptr, 0)) {
    if (thread_ == nullptr)
        throw std::runtime_error("no bdk thread could be created for Python's I/O: see the log");
}

int IoThread::send(bdk_msg_fn fn, void* ctx) {
    const std::shared_lock lock(mutex_);
    if (thread_ == nullptr) return -ENODEV;
    const int rc = bdk_thread_send_msg(thread_, fn, ctx);
    return rc == -EIO ? -ENODEV : rc;
}

int IoThread::post(std::function<void()> fn) {
    auto message = std::make_unique<std::function<void()>>(std::move(fn));
    const auto run_message = [](void* arg) {
        const std::unique_ptr<std::function<void()>> sent(static_cast<std::function<void()>*>(arg));
        (*sent)();
    };
    const int rc = send(run_message, message.get());
    if (rc == 0) static_cast<void>(message.release());
    return rc;
}

int IoThread::run(const std::function<void()>& fn) {
    Call call{fn, {}};
    std::future<void> returned = call.returned.get_future();
    if (const int rc = send(run_call, &call); rc != 0) return rc;
    returned.wait();
    return 0;
}

void IoThread::detach() {
    const std::unique_lock lock(mutex_);
    thread_ = nullptr;
}

std::vector<std::string> IoThread::stop() {
    std::vector<std::string> left;
    const int rc = run([&] {
        for (const auto& desc : std::vector(descs_)) {
            left.push_back(desc->bdev());
            desc->abort_here();
            desc->close_here();
        }
        abandoning_.end_all();
    });
    if (rc != 0) return {};
    const std::unique_lock lock(mutex_);
    bdk_thread_send_msg(
        thread_, [](void*) { bdk_thread_exit(); }, nullptr);
    thread_ = nullptr;
    return left;
}

}  // namespace bdevkit::python

// SPDX-License-Identifier: BSD-3-Clause
// The frontend: starts and stops threads, exports and the listening socket in order.
#define BDK_LOG_COMPONENT "nbd"
#include <bdevkit/log.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "frontends/nbd/nbd_config.hpp"
#include "frontends/nbd/nbd_export.hpp"
#include "frontends/nbd/nbd_listener.hpp"
#include "frontends/nbd/nbd_worker.hpp"
#include "thread/thread_registry.hpp"

namespace bdevkit::host {

namespace nbd {
namespace {

using Task = std::function<void()>;

/// [any thread] Runs the task in a later turn of the thread. @return false when the thread has exited
bool post(bdk_thread* thread, Task task) {
    const auto run = [](void* ctx) {
        const std::unique_ptr<Task> owned(static_cast<Task*>(ctx));
        (*owned)();
    };
    auto owned = std::make_unique<Task>(std::move(task));
    if (!bdk::send_always(thread, run, owned.get())) return false;
    (void)owned.release();
    return true;
}

/// [main thread] Runs fn(done) on the thread and returns what it passes to done, now or later.
template <class Result>
Result await(bdk_thread* thread, std::function<void(std::function<void(Result)>)> fn) {
    std::promise<Result> promise;
    const Task task = [&] { fn([&](Result result) { promise.set_value(std::move(result)); }); };
    post(thread, task);
    return promise.get_future().get();
}

/// [main thread] Runs fn on the thread and returns its result.
template <class Fn>
auto call_on(bdk_thread* thread, Fn fn) {
    using Result = decltype(fn());
    return await<Result>(thread, [&](std::function<void(Result)> done) { done(fn()); });
}

class Server final : public Frontend {
public:
    explicit Server(NbdConfig config) : config_(std::move(config)) {}
    ~Server() override { stop(); }

    tl::expected<void, std::string> start() override;
    void stop() override;
    std::string where() const override;

private:
    using Result = tl::expected<void, std::string>;
    Result create_workers();
    Result open_exports();
    Result start_workers();
    bool close_exports();

    // On the first worker's thread:
    bool serve();
    void on_client(int fd);
    void after_lost_clients(const Task& task);
    void on_removed(size_t export_index);
    void on_left(size_t export_index);

    bdk_thread* first_thread() const { return workers_.front()->thread(); }

    struct Slot {
        std::unique_ptr<Export> backend;
        size_t workers_to_leave = 0;
    };

    NbdConfig config_;
    std::unique_ptr<Listener> listener_;
    std::vector<std::unique_ptr<Worker>> workers_;
    size_t started_ = 0;  ///< workers
    std::vector<Slot> exports_;
    std::atomic<uint32_t> clients_{0};

    // Of the first worker's thread:
    bool serving_ = false;
    std::vector<size_t> removed_early_;  ///< exports whose bdev was removed before that
    bool stopping_ = false;
    bool full_ = false;
    size_t next_worker_ = 0;
};

tl::expected<void, std::string> Server::start() {
    auto listener = Listener::open(config_.listen);
    if (!listener) return tl::make_unexpected(config_.place + listener.error());
    listener_ = std::move(*listener);
    Result result = create_workers();
    if (result) result = open_exports();
    if (result) result = start_workers();
    if (!result) {
        stop();
        return result;
    }
    call_on(first_thread(), [this] { return serve(); });
    return {};
}

bool Server::serve() {
    workers_.front()->accept(listener_->fd(), [this](int fd) { on_client(fd); });
    serving_ = true;
    for (const size_t index : std::exchange(removed_early_, {}))
        on_removed(index);
    return true;
}

/// A share holds a request of the largest size and one more.
size_t memory_of_each(uint64_t memory, size_t workers) {
    constexpr size_t least = 2 * size_t{max_payload};
    return std::max(least, static_cast<size_t>(memory / std::max<size_t>(workers, 1)));
}

Server::Result Server::create_workers() {
    const auto& reactors = bdk::ThreadRegistry::instance().reactors();
    const size_t memory = memory_of_each(config_.memory, reactors.size());
    for (const bdk::Reactor* reactor : reactors) {
        const uint32_t core = reactor->core();
        std::vector<uint64_t> mask(core / 64 + 1);
        mask.back() = uint64_t{1} << (core % 64);
        const std::string name = "nbd_" + std::to_string(workers_.size());
        bdk_thread* thread = bdk_thread_create(name.c_str(), mask.data(), static_cast<uint32_t>(mask.size()));
        if (thread == nullptr) return tl::make_unexpected("nbd: thread " + name + " could not be created");
        workers_.push_back(std::make_unique<Worker>(thread, config_.structured_replies, memory, clients_));
    }
    if (workers_.empty()) return tl::make_unexpected("nbd: no reactor runs");
    return {};
}

Server::Result Server::open_exports() {
    exports_.resize(config_.exports.size());
    return call_on(first_thread(), [this]() -> Result {
        for (size_t i = 0; i < exports_.size(); ++i) {
            auto backend = Export::open(config_.exports[i], [this, i] { on_removed(i); });
            if (!backend) return tl::make_unexpected(backend.error());
            exports_[i].backend = std::move(*backend);
        }
        return {};
    });
}

Server::Result Server::start_workers() {
    std::vector<Export*> exports;
    for (const Slot& slot : exports_)
        exports.push_back(slot.backend.get());
    for (const auto& worker : workers_) {
        Result result = call_on(worker->thread(), [&] { return worker->start(exports); });
        if (!result) return result;
        ++started_;
    }
    return {};
}

void Server::stop() {
    if (!workers_.empty()) {
        await<bool>(first_thread(), [this](std::function<void(bool)> done) {
            stopping_ = true;
            workers_.front()->stop_accepting([done] { done(true); });
        });
    }
    listener_.reset();
    std::vector<std::promise<void>> stopped(started_);
    for (size_t i = 0; i < started_; ++i) {
        const Task stop = [&worker = *workers_[i], &promise = stopped[i]] {
            worker.stop([&promise] { promise.set_value(); });
        };
        post(workers_[i]->thread(), stop);
    }
    for (auto& promise : stopped)
        promise.get_future().get();
    started_ = 0;
    if (!workers_.empty()) call_on(first_thread(), [this] { return close_exports(); });
    for (const auto& worker : workers_)
        call_on(worker->thread(), [] { return bdk_thread_exit(); });
    workers_.clear();
}

bool Server::close_exports() {
    exports_.clear();
    return true;
}

std::string Server::where() const {
    std::string uris;
    for (const Slot& slot : exports_) {
        if (!uris.empty()) uris += '\n';
        uris += listener_->uri(slot.backend->name());
    }
    return uris;
}

void Server::on_client(int fd) {
    if (clients_.load(std::memory_order_relaxed) >= config_.max_connections) {
        if (!std::exchange(full_, true)) {
            BDK_WARNLOG("clients are refused: %u are connected (max_connections)", config_.max_connections);
        }
        ::close(fd);
        return;
    }
    full_ = false;
    clients_.fetch_add(1, std::memory_order_relaxed);
    Worker& worker = *workers_[next_worker_++ % workers_.size()];
    const Task adopt = [this, &worker, thread = worker.thread(), fd, peer = listener_->prepare_client(fd)] {
        if (post(thread, [&worker, fd, peer] { worker.adopt(fd, peer); })) return;
        ::close(fd);
        clients_.fetch_sub(1, std::memory_order_relaxed);
    };
    after_lost_clients(adopt);
}

/// When a client connects after another one was lost, the lost client's writes are done, dropped or guarded:
/// each worker checks its sockets before the new client is served.
void Server::after_lost_clients(const Task& task) {
    const auto workers_left = std::make_shared<std::atomic<size_t>>(workers_.size());
    const Task one_has_looked = [workers_left, task] {
        if (workers_left->fetch_sub(1) == 1) task();
    };
    for (const auto& worker : workers_) {
        const auto look = [&worker = *worker, one_has_looked] { worker.notice_lost_clients(one_has_looked); };
        if (!post(worker->thread(), look)) one_has_looked();
    }
}

void Server::on_removed(size_t export_index) {
    if (stopping_) return;  // stop() closes all exports
    if (!serving_) return removed_early_.push_back(export_index);
    BDK_NOTICELOG("export '%s': its bdev is being removed, its clients are disconnected",
                  exports_[export_index].backend->name().c_str());
    exports_[export_index].workers_to_leave = workers_.size();
    for (const auto& worker : workers_) {
        post(worker->thread(), [this, export_index, &worker = *worker] {
            worker.drop_export(export_index, [this, export_index] {
                post(first_thread(), [this, export_index] { on_left(export_index); });
            });
        });
    }
}

void Server::on_left(size_t export_index) {
    Slot& slot = exports_[export_index];
    if (--slot.workers_to_leave == 0) slot.backend->close();
}

}  // namespace
}  // namespace nbd

std::unique_ptr<Frontend> make_nbd_server(NbdConfig config) {
    return std::make_unique<nbd::Server>(std::move(config));
}

}  // namespace bdevkit::host

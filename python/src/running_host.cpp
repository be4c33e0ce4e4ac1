// SPDX-License-Identifier: BSD-3-Clause
#include "running_host.hpp"

#include <unistd.h>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <stdexcept>
#include <thread>
#include <utility>

namespace bdevkit::python {

/// The first of two results: the host has stopped, or the stop makes no progress.
struct RunningHost::Stopping {
    std::mutex mutex;
    bool told = false;
    std::promise<StopReport> first;

    void tell(StopReport report) {
        const std::lock_guard lock(mutex);
        if (!std::exchange(told, true)) first.set_value(std::move(report));
    }
};

namespace {

/// The reactors of a host that could not be stopped run on. Its objects must not be destroyed under them, so
/// the process exits without destroying them.
void exit_without_destructors() {
    const auto leave = [](int status, void*) {
        std::fflush(nullptr);
        _exit(status);
    };
    static std::once_flag once;
    std::call_once(once, [&] { on_exit(leave, nullptr); });
}

}  // namespace

RunningHost::RunningHost() : stopping_(std::make_shared<Stopping>()) {}

tl::expected<std::shared_ptr<RunningHost>, StartError> RunningHost::start(const StackSource& source) {
    const std::shared_ptr<RunningHost> running(new RunningHost);
    running->loaded_ =
        host::load_stack_text(source.text, source.name, source.folder, source.plugin_path, source.modules);
    host::LoadedStack& loaded = running->loaded_;
    if (!loaded.valid()) return tl::unexpected(StartError{true, loaded.problems.format(loaded.file.name)});
    const auto stuck = [stopping = running->stopping_,
                        events = running->events_](const std::vector<std::string>& waits) {
        exit_without_destructors();
        events->close();
        stopping->tell({.clean = false, .waits = waits});
    };
    auto host = host::Host::start(loaded.stack, *loaded.loader, stuck);
    if (!host) return tl::unexpected(StartError{false, host.error()});
    running->host_ = std::move(*host);
    // Waits for examinations, so that a script sees the bdevs that they find.
    host::Host::wait_for_examine();
    running->changes_ = std::make_unique<host::Changes>(loaded.stack, *loaded.loader);
    try {
        running->io_thread_ = std::make_shared<IoThread>();
    } catch (const std::runtime_error& error) {
        return tl::unexpected(StartError{false, error.what()});
    }
    return running;
}

RunningHost::~RunningHost() {
    if (!stop_begun_) take_down();
}

StopReport RunningHost::stop() {
    if (stop_begun_.exchange(true)) return {};
    std::future<StopReport> report = stopping_->first.get_future();
    // A host that cannot be stopped keeps this thread, and the objects it refers to, until the process exits.
    std::thread([self = shared_from_this()]() mutable {
        const std::shared_ptr<Stopping> stopping = self->stopping_;
        StopReport ended = self->take_down();
        self.reset();
        stopping->tell(std::move(ended));
    }).detach();
    return report.get();
}

StopReport RunningHost::take_down() {
    StopReport report;
    if (host_ == nullptr) return report;
    changes_->end();
    host_->stop_frontends();
    if (io_thread_ != nullptr) report.open_descs = io_thread_->stop();
    report.clean = host_->stop();
    events_->close();
    return report;
}

int RunningHost::with(const std::function<int(host::Host&, host::Changes&)>& fn) {
    const auto inside = host_->enter();
    return inside ? fn(*host_, *changes_) : -ENODEV;
}

}  // namespace bdevkit::python

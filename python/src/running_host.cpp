// SPDX-License-Identifier: BSD-3-Clause
#include "running_host.hpp"

#include <cerrno>
#include <stdexcept>

namespace bdevkit::python {

tl::expected<std::shared_ptr<RunningHost>, StartError> RunningHost::start(const StackSource& source) {
    const std::shared_ptr<RunningHost> running(new RunningHost);
    running->loaded_ =
        host::load_stack_text(source.text, source.name, source.folder, source.plugin_path, source.modules);
    host::LoadedStack& loaded = running->loaded_;
    if (!loaded.valid()) return tl::unexpected(StartError{true, loaded.problems.format(loaded.file.name)});
    auto host = host::Host::start(loaded.stack, *loaded.loader);
    if (!host) return tl::unexpected(StartError{false, host.error()});
    running->host_ = std::move(*host);
    // What is found on the bdevs is there when a script looks for it.
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
    stop();
}

StopReport RunningHost::stop() {
    const std::lock_guard lock(mutex_);
    StopReport report;
    if (host_ == nullptr) return report;
    host_->stop_frontends();
    if (io_thread_ != nullptr) report.open_descs = io_thread_->stop();
    report.clean = host_->stop();
    changes_.reset();
    host_.reset();
    events_->close();
    return report;
}

int RunningHost::with(const std::function<int(host::Host&, host::Changes&)>& fn) {
    const std::lock_guard lock(mutex_);
    return host_ == nullptr ? -ENODEV : fn(*host_, *changes_);
}

}  // namespace bdevkit::python

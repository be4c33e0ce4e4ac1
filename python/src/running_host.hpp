// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "changes.hpp"
#include "cli/stack_loading.hpp"
#include "host.hpp"
#include "io_thread.hpp"
#include "open_desc.hpp"

namespace bdevkit::python {

/// A stack from Python.
struct StackSource {
    std::string text;
    std::string name;              ///< name for messages
    std::filesystem::path folder;  ///< where relative paths start
    std::vector<std::string> plugin_path;
    std::vector<const bdk_module*> modules;  ///< written in Python
};

/// Why a host did not start.
struct StartError {
    bool in_stack = false;  ///< the stack is wrong; `message` has one line for each fault
    std::string message;
};

/// The findings at the stop of a host.
struct StopReport {
    bool clean = true;
    std::vector<std::string> open_descs;  ///< descs that Python had not closed, as the names of their bdevs
    std::vector<std::string> waits;       ///< what a stop that gave up waited for; the host runs on
};

/// The host of this process, with the thread that does Python's I/O. No function here needs the GIL.
class RunningHost : public std::enable_shared_from_this<RunningHost> {
public:
    /// [not a bdk thread]
    static tl::expected<std::shared_ptr<RunningHost>, StartError> start(const StackSource& source);

    ~RunningHost();
    RunningHost(const RunningHost&) = delete;
    RunningHost& operator=(const RunningHost&) = delete;

    /// [not a bdk thread] Closes the descs and stops the host. Returns when that is done, or when the stop
    /// makes no progress for the host's `stop_limit`. A second call does nothing.
    StopReport stop();

    /// [not a bdk thread] Calls fn(host, changes) unless the host stops or has stopped: -ENODEV. Several
    /// threads may do so at a time; stop() first takes down everything that they may wait for, then waits for
    /// them.
    int with(const std::function<int(host::Host&, host::Changes&)>& fn);

    const std::shared_ptr<IoThread>& io_thread() const { return io_thread_; }
    const std::shared_ptr<EventQueue>& events() const { return events_; }
    const host::Stack& stack() const { return loaded_.stack; }

private:
    struct Stopping;
    RunningHost();
    StopReport take_down();

    std::atomic<bool> stop_begun_{false};
    const std::shared_ptr<Stopping> stopping_;
    host::LoadedStack loaded_;
    std::unique_ptr<host::Host> host_;
    std::unique_ptr<host::Changes> changes_;
    std::shared_ptr<IoThread> io_thread_;
    std::shared_ptr<EventQueue> events_ = std::make_shared<EventQueue>();
};

}  // namespace bdevkit::python
